"""Keys and certificates of a tunnel: what the engine gets of them, and what a user reads where a file is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from ikevpn.config.check import check
from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.load import load
from ikevpn.model.certificates import Revocation, SendCertificate
from ikevpn.pki import keys
from ikevpn.pki.certificate import Certificate
from ikevpn.wire.registry import Auth
from tests.config.conftest import Write, errors
from tests.pki.openssl import openssl

OWN = 'private_key = { file = "west-rsa.key" }', 'certificate = { file = "west-rsa.crt" }'
SUBJECT = "CN=west.example.com, OU=gateways, O=ikevpn test, C=CH"
PEER = 'remote_certificate = { file = "east-rsa.crt" }'


@pytest.fixture
def signed(tunnel: Write, tmp_path: Path, certificates: Path) -> Write:
    """Writes a tunnel without a secret, in a folder in which all of the test PKI is."""
    for each in certificates.iterdir():
        if each.suffix in (".key", ".crt", ".chain"):
            shutil.copy(each, tmp_path / each.name)
            (tmp_path / each.name).chmod(0o600)

    def write_tunnel(*more: str) -> Path:
        return tunnel(*more, without=("secret",))

    return write_tunnel


def loaded(path: Path) -> TunnelConfig:
    return load(path).tunnels["paris"]


def test_what_the_engine_gets(signed: Write, tmp_path: Path) -> None:
    path = signed(*OWN, PEER, 'send_certificate = "on-request"')
    both = b"".join((tmp_path / f"west-rsa.{each}").read_bytes() for each in ("crt", "chain"))
    (tmp_path / "west-rsa.crt").write_bytes(both)
    found = loaded(path).template
    (own,) = found.own_keys
    chain = [Certificate.read(each) for each in own.chain]
    assert own.auth == Auth.RSA_SIGNATURE and str(own.identity).startswith("CN=west.example.com")
    assert [each.x509.subject.rfc4514_string().split(",")[0] for each in chain] == [
        "CN=west.example.com",
        "CN=second",
        "CN=first",
    ]
    assert own.issuers == tuple(each.issuer for each in chain)
    assert len(found.peer_keys) == 1 and found.any_remote_id and found.psk is None
    assert found.send_certificate is SendCertificate.ON_REQUEST
    assert {each.auth for each in found.ike_proposals} == {Auth.RSA_SIGNATURE} and len(found.ike_proposals) == 4
    assert loaded(path) == loaded(path), "two readings are equal"


def test_the_private_key_is_for_who_signs_only(signed: Write) -> None:
    tunnel = loaded(signed(*OWN, PEER))
    (secret,) = tunnel.private_keys.values()
    assert keys.describe(keys.read(secret.reveal()).key) == "RSA, 2048 bits" and "octets>" in repr(tunnel.private_keys)
    assert tunnel.secret_from.endswith("west-rsa.key") and len(tunnel.key_files) == 3


def test_a_raw_public_key_and_no_certificate(signed: Write, tmp_path: Path) -> None:
    (tmp_path / "peer.pub").write_bytes(openssl("pkey", "-in", tmp_path / "east-ec256.key", "-pubout"))
    path = signed('private_key = { file = "west-ec256.key" }', 'remote_certificate = { file = "peer.pub" }')
    found = loaded(path).template
    assert found.own_keys[0].chain == () and found.own_keys[0].identity is None
    certificate = Certificate.read(openssl("x509", "-in", tmp_path / "east-ec256.crt", "-outform", "der"))
    assert found.peer_keys == (certificate.key_info,)
    assert {each.auth for each in found.ike_proposals} == {Auth.ECDSA_P256}


def test_pkcs12_with_a_passphrase(signed: Write, tmp_path: Path) -> None:
    words = ("pkcs12", "-export", "-inkey", tmp_path / "west-rsa.key", "-in", tmp_path / "west-rsa.crt")
    (tmp_path / "west.p12").write_bytes(openssl(*words, "-certfile", tmp_path / "west-rsa.chain", "-passout", "pass:x"))
    for name, text in (("west.p12", None), ("pass", "x\n")):
        if text is not None:
            (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    path = signed('private_key = { file = "west.p12", passphrase = { file = "pass" } }', PEER)
    assert len(loaded(path).template.own_keys[0].chain) == 3
    (tmp_path / "pass").write_text("y\n")
    (sentence,) = errors(path)
    assert "passphrase does not open" in sentence


def test_several_keys_one_of_each_kind(signed: Write) -> None:
    own = (
        'private_key = [{ file = "west-rsa.key" }, { file = "west-ec384.key" }]',
        'certificate = [{ file = "west-rsa.crt" }, { file = "west-ec384.crt" }]',
    )
    found = loaded(signed(*own, PEER, 'ike_proposals = ["ecdsa384-g20-aes256-sha384", "standard"]')).template
    assert [each.auth for each in found.own_keys] == [Auth.RSA_SIGNATURE, Auth.ECDSA_P384]
    assert [str(each) for each in found.ike_proposals] == [
        "ecdsa384-g20-aes256-sha384",
        *("rsa-g2-aes128-sha", "ecdsa384-g2-aes128-sha", "rsa-g2-3des-sha", "ecdsa384-g2-3des-sha"),
    ]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    (
        ((OWN[1], 'secret = { file = "paris.psk" }'), "it needs the private key"),
        (('private_key = { file = "nobody.key" }', PEER), "cannot be read: no such file or directory"),
        (('private_key = { file = "west-rsa.crt" }', PEER), "the file holds no private key but: certificate"),
        ((OWN[0], 'certificate = { file = "west-rsa.key" }', PEER), "there is no certificate in it"),
        ((OWN[0], 'certificate = { file = "east-rsa.crt" }', PEER), "belongs to another private key than"),
        ((*OWN, 'remote_certificate = { file = "west-rsa.key" }'), "there is no certificate in it"),
        (OWN, "it does not say whose signature is accepted"),
        ((*OWN, PEER, 'auth = "ecdsa"'), 'with auth = "ecdsa" the private key must be of that kind; it is for rsa'),
        ((*OWN, PEER, 'secret = { file = "paris.psk" }'), "the tunnel has a private key and a pre-shared key"),
        ((*OWN, PEER, 'ike_proposals = ["pre-g2-3des-sha"]'), "the tunnel has a private key for rsa only"),
        ((*OWN, PEER, 'ike_proposals = ["dsa-g2-3des-sha"]'), "Names of such proposals begin with rsa-"),
        ((*OWN, 'remote_certificate = { file = "nobody.crt" }'), "cannot be read: no such file or directory"),
        ((*OWN, "remote_certificate = { file = 7 }"), "is not a file name"),
        ((OWN[0], PEER, 'local_id = "[DistinguishedName]"'), "is the subject of our certificate, and there is none"),
        ((PEER, 'secret = { file = "paris.psk" }'), "with a pre-shared key no certificate is used"),
    ),
)
def test_what_a_user_reads(signed: Write, lines: tuple[str, ...], sentence: str) -> None:
    (found,) = errors(signed(*lines))
    assert sentence in found


def test_a_private_key_that_others_can_read(signed: Write, tmp_path: Path) -> None:
    (tmp_path / "west-rsa.key").chmod(0o644)
    (found,) = errors(signed(*OWN, PEER))
    assert "is open to everybody" in found and "chmod 600" in found


def test_an_identity_that_our_certificate_does_not_have(signed: Write) -> None:
    path = signed(*OWN, PEER, 'local_id = "gw.example.org"')
    (warning,) = [str(each) for each in check(path).warnings if each.code == "not-certified"]
    assert "our certificate does not have gw.example.org" in warning and "west.example.com" in warning


@pytest.mark.parametrize(
    ("host", "lines", "identity"),
    (
        ("gw", (), SUBJECT),
        ("west", (), "west.example.com"),
        ("west.example.com", (), "west.example.com"),
        ("west", ('local_id = "[DistinguishedName]"',), SUBJECT),
    ),
)
def test_who_we_are_where_nobody_says(
    signed: Write, monkeypatch: pytest.MonkeyPatch, host: str, lines: tuple[str, ...], identity: str
) -> None:
    """As ScreenOS has it: the name of the host, or the subject on request."""
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(nodename=host))
    found = loaded(signed(*OWN, PEER, *lines)).template
    assert found.local_id is None
    assert [str(own.identity) for own in found.own_keys] == [identity]


@pytest.mark.parametrize(
    ("more", "revocation", "warns"),
    (
        ("", Revocation.NONE, False),
        (', crl = "root.crl"', Revocation.STRICT, False),
        (', crl = ["root.crl", "nowhere.crl"]', Revocation.STRICT, True),
        (', crl = "nowhere.crl", revocation = "best-effort"', Revocation.BEST_EFFORT, False),
    ),
)
def test_the_lists_of_an_authority(
    signed: Write, tmp_path: Path, certificates: Path, more: str, revocation: Revocation, warns: bool
) -> None:
    shutil.copy(certificates / "root.crl", tmp_path)
    path = signed(*OWN, f'authorities = {{ file = "root.crt"{more} }}')
    (found,) = loaded(path).template.authorities
    assert found.revocation is revocation and bool(found.crls) is bool(more)
    assert bool([each for each in check(path).warnings if each.code == "no-crl"]) is warns
