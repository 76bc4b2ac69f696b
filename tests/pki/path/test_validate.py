"""Paths of the test PKI and of NIST: each flaw has its rule, and a mesh of authorities costs no more than a bound."""

from __future__ import annotations

import contextlib
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path as File

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ikevpn.pki.path.rules import Untrusted
from ikevpn.pki.path.validate import validate
from tests.pki.openssl import openssl

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def load(folder: File, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def check(folder: File, leaf: str, anchor: str = "root", at: datetime = NOW, above: str = "first second") -> int:
    """How many certificates the path has."""
    presented = [load(folder, each) for each in above.split()]
    return len(validate(load(folder, leaf), presented, [load(folder, anchor)], at).certificates)


@pytest.mark.parametrize(
    ("leaf", "anchor", "length"),
    (
        ("west-rsa", "root", 4),
        ("west-rsa", "first", 3),
        ("west-rsa", "second", 2),
        ("west-rsa", "west-rsa", 1),
        ("west-direct", "root", 2),
        ("west-ec384", "ec-root", 2),
        ("west-dsa", "root", 2),
        ("old", "old-root", 2),
        ("large", "root", 4),
    ),
)
def test_paths_that_are_whole(certificates: File, leaf: str, anchor: str, length: int) -> None:
    assert check(certificates, leaf, anchor) == length


@pytest.mark.parametrize(
    ("leaf", "rule", "words"),
    (
        ("expired", "expired", "expired on 2020-01-01 00:00 UTC; the clock of this host says 2026-06-01"),
        ("not-yet-valid", "not-yet-valid", "is not valid before 2090-01-01"),
        ("wrong-usage", "key-usage", "does not allow signatures"),
        ("wrong-purpose", "wrong-purpose", "is for other purposes than IKE"),
        ("stranger", "unknown-authority", "was issued by CN=other,O=ikevpn test,C=CH, which is no authority"),
        ("west-ec256", "unknown-authority", "was issued by CN=ec-root"),
    ),
)
def test_each_flaw_has_its_rule(certificates: File, leaf: str, rule: str, words: str) -> None:
    with pytest.raises(Untrusted, match=words) as caught:
        check(certificates, leaf)
    assert caught.value.rule == rule


def test_a_certificate_in_between_that_is_not_there(certificates: File) -> None:
    with pytest.raises(Untrusted, match="was issued by CN=first") as caught:
        check(certificates, "west-rsa", above="second")
    assert caught.value.rule == "unknown-authority"


def test_an_authority_that_has_expired(certificates: File) -> None:
    with pytest.raises(Untrusted) as caught:
        check(certificates, "west-rsa", at=datetime(2099, 1, 1, tzinfo=UTC))
    assert caught.value.rule == "expired"


def test_a_peer_that_signs_for_others(certificates: File) -> None:
    """Whoever has a certificate can write one for anybody else; it is no authority."""
    gateway = load(certificates, "west-ec256")
    key = _key(certificates, "west-ec256")
    forged = _issue("forged", gateway.subject, key)
    with pytest.raises(Untrusted) as caught:
        validate(forged, [gateway], [load(certificates, "ec-root")], NOW)
    assert caught.value.rule == "not-an-authority"


def test_a_signature_of_somebody_of_the_same_name(certificates: File) -> None:
    root = load(certificates, "ec-root")
    forged = _issue("forged", root.subject, ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(Untrusted) as caught:
        validate(forged, [], [root], NOW)
    assert caught.value.rule == "signature"


@pytest.mark.parametrize("believed", (False, True))
def test_an_authority_whose_key_is_too_short(certificates: File, tmp_path: File, believed: bool) -> None:
    """512 bits are factored within hours; the root above it is a good one, or it is believed itself."""
    root = ("-CA", certificates / "ec-root.crt", "-CAkey", certificates / "ec-root.key")
    key, made, leaf_key, leaf = (tmp_path / each for each in ("short.key", "short.crt", "leaf.key", "leaf.crt"))
    _request(key, made, "rsa:512", *root)
    _request(leaf_key, leaf, "rsa:2048", "-CA", made, "-CAkey", key)
    short, own = (x509.load_pem_x509_certificate(each.read_bytes()) for each in (made, leaf))
    anchor = short if believed else load(certificates, "ec-root")
    with pytest.raises(Untrusted, match="has a key of 512 bits; authorities need 1024 or more") as caught:
        validate(own, [short], [anchor], own.not_valid_before_utc)
    assert caught.value.rule == "weak-key"


def test_a_mesh_of_authorities_costs_no_more_than_a_bound() -> None:
    """Twelve that have all certified each other: some hundred million paths, and none ends at an anchor."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(12)]
    names = [_name(f"mesh {number}") for number in range(12)]
    mesh = [
        _issue(f"mesh {below}", names[above], keys[above], keys[below], authority=True)
        for above in range(12)
        for below in range(12)
        if above != below
    ]
    leaf = _issue("leaf", names[0], keys[0])
    anchor = _issue("anchor", _name("anchor"), ec.generate_private_key(ec.SECP256R1()), authority=True)
    with pytest.raises(Untrusted):
        validate(leaf, mesh, [anchor], NOW)


_DECIDED = re.compile(
    r"Signature|Date|NameChaining|basicConstraints|cAFalse|pathLen|keyCertSign|UnknownNotCritical|UnknownCritical"
)
"""What is neither revocation nor policies nor limits on names; see NIST's description of each."""


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_pkits(corpus: File) -> None:
    """Where the name of a file says the verdict, and the rules that are here decide it."""
    certificates: dict[str, x509.Certificate] = {}
    with zipfile.ZipFile(corpus / "pki" / "pkits.zip") as archive:
        for name in archive.namelist():
            with contextlib.suppress(ValueError):
                found = x509.load_der_x509_certificate(archive.read(name)) if name.endswith(".crt") else None
                if found is not None and found.public_key():
                    certificates[name.rpartition("/")[2]] = found
    anchor = certificates["TrustAnchorRootCertificate.crt"]
    wrong, seen = [], 0
    for name, leaf in certificates.items():
        verdict = name.startswith("Valid")
        if not name.startswith(("Valid", "Invalid")) or not _DECIDED.search(name):
            continue
        seen += 1
        try:
            validate(leaf, certificates.values(), [anchor], datetime(2015, 1, 1, tzinfo=UTC))
            wrong += [] if verdict else [name]
        except Untrusted as error:
            wrong += [f"{name}: {error}"] if verdict else []
    assert wrong == [] and seen == 24


def _request(key: File, made: File, kind: str, *more: str | File) -> None:
    names = ("-subj", f"/CN={made.stem}", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-x509", "-newkey", kind, "-sha1", "-nodes", "-keyout", key, "-out", made, *names, *more)


def _key(folder: File, name: str) -> ec.EllipticCurvePrivateKey:
    from ikevpn.pki import keys

    found = keys.read((folder / f"{name}.key").read_bytes()).key
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _issue(
    subject: str,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey | None = None,
    *,
    authority: bool = False,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer,
        _name(subject),
        (key or by).public_key(),
        x509.random_serial_number(),
        NOW - timedelta(1),
        NOW + timedelta(1),
    )
    return builder.add_extension(x509.BasicConstraints(authority, None), True).sign(by, hashes.SHA256())
