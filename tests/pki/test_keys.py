"""Private keys in every form in which openssl writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret
from ikevpn.pki import keys
from tests.pki.openssl import openssl

KINDS = ("west-rsa", "west-dsa", "west-ec256", "west-ec384", "west-ec521", "old")
PASSPHRASE = Secret(b"open sesame")
FORMS = {
    "PKCS#8, PEM": ("pkcs8", "-topk8", "-nocrypt"),
    "PKCS#8, DER": ("pkcs8", "-topk8", "-nocrypt", "-outform", "DER"),
    "traditional, PEM": ("pkey", "-traditional"),
    "traditional, DER": ("pkey", "-traditional", "-outform", "DER"),
}
ENCRYPTED = {
    "PKCS#8, PEM": ("pkcs8", "-topk8"),
    "PKCS#8, DER": ("pkcs8", "-topk8", "-outform", "DER"),
    "PKCS#8 of old, 3DES": ("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"),
    "traditional, AES": ("pkey", "-traditional", "-aes128"),
}


def public(key: keys.PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def expected(file: Path) -> bytes:
    return openssl("pkey", "-in", file, "-pubout")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_that_openssl_writes(certificates: Path, kind: str, form: str) -> None:
    file = certificates / f"{kind}.key"
    octets = openssl(*FORMS[form], "-in", file)
    assert public(keys.read(octets).key) == expected(file)
    assert public(keys.read(octets, PASSPHRASE).key) == expected(file)
    assert not keys.is_encrypted(octets)


@pytest.mark.parametrize("form", ENCRYPTED)
@pytest.mark.parametrize("kind", ("west-rsa", "west-ec256"))
def test_every_encrypted_form(certificates: Path, kind: str, form: str) -> None:
    file = certificates / f"{kind}.key"
    octets = openssl(*ENCRYPTED[form], "-in", file, "-passout", "pass:open sesame")
    assert keys.is_encrypted(octets)
    assert public(keys.read(octets, PASSPHRASE).key) == expected(file)
    with pytest.raises(keys.WrongPassphrase, match="does not open"):
        keys.read(octets, Secret(b"open barley"))
    with pytest.raises(keys.WrongPassphrase, match="a passphrase is needed"):
        keys.read(octets)


@pytest.mark.parametrize("options", ((), ("-legacy",)), ids=("modern", "legacy"))
def test_pkcs12_brings_its_certificates(certificates: Path, options: tuple[str, ...]) -> None:
    file = certificates / "west-rsa.key"
    bundle = openssl(
        *("pkcs12", "-export", *options, "-inkey", file, "-in", file.with_suffix(".crt")),
        *("-certfile", file.with_suffix(".chain"), "-passout", "pass:open sesame"),
    )
    found = keys.read(bundle, PASSPHRASE)
    assert public(found.key) == expected(file)
    subjects = [each.subject.rfc4514_string().partition(",")[0] for each in found.certificates]
    assert subjects[0] == "CN=west.example.com"
    assert set(subjects[1:]) == {"CN=first", "CN=second"}
    assert keys.is_encrypted(bundle)
    with pytest.raises(keys.WrongPassphrase):
        keys.read(bundle, Secret(b"open barley"))


def test_pkcs12_without_key(certificates: Path) -> None:
    bundle = openssl("pkcs12", "-export", "-nokeys", "-in", certificates / "root.crt", "-passout", "pass:open sesame")
    with pytest.raises(ConfigError, match="no private key"):
        keys.read(bundle, PASSPHRASE)


def test_a_key_after_its_certificate_in_one_file(certificates: Path) -> None:
    both = (certificates / "west-rsa.crt").read_bytes() + (certificates / "west-rsa.key").read_bytes()
    assert public(keys.read(both).key) == expected(certificates / "west-rsa.key")


@pytest.mark.parametrize(
    ("octets", "sentence"),
    (
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hello", "no private key in PEM"),
        (b"\x30\x03\x02\x01\x00", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n", "no private key but: private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no private key but: certificate"),
    ),
)
def test_what_is_no_key(octets: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        keys.read(octets)
    assert not keys.is_encrypted(octets)


@pytest.mark.parametrize(
    "words", (("-algorithm", "ED25519"), ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"))
)
def test_keys_that_ike_has_no_signature_for(words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="IKE"):
        keys.read(openssl("genpkey", *words))


@pytest.mark.parametrize(
    ("kind", "description"),
    (
        ("rsa-2048", "RSA, 2048 bits"),
        ("ec", "ECDSA, P-256"),
        ("ecdsa-521", "ECDSA, P-521"),
        ("dsa-1024", "DSA, 1024 bits"),
    ),
)
@pytest.mark.parametrize("passphrase", (None, PASSPHRASE))
def test_openssl_reads_what_we_make(kind: str, description: str, passphrase: Secret | None) -> None:
    key = keys.make(kind)
    assert keys.describe(key) == keys.describe(key.public_key()) == description
    octets = keys.write(key, passphrase)
    assert openssl("pkey", "-pubout", "-passin", "pass:open sesame", octets=octets) == public(key)
    assert public(keys.read(octets, passphrase).key) == public(key)


@pytest.mark.parametrize("kind", ("", "rsa-512", "rsa-x", "ec-255", "dsa-1", "ed25519", "rsa-2048-1"))
def test_kinds_that_do_not_exist(kind: str) -> None:
    with pytest.raises(ConfigError, match="is no kind of key"):
        keys.make(kind)
