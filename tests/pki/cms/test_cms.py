"""Cryptographic messages against openssl and against those of others."""

from __future__ import annotations

import random
from os import urandom
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ikevpn.errors import ConfigError, Malformed, NotAuthentic
from ikevpn.pki import containers, keys, request
from ikevpn.pki.cms import enveloped, signed
from ikevpn.pki.cms.enveloped import AES_128, AES_256, DES, TRIPLE_DES, Cipher
from ikevpn.pki.cms.signed import Signer
from ikevpn.pki.scep.message import MESSAGE_TYPE, SENDER_NONCE
from tests.pki.openssl import openssl

CONTENT = b"\x04\x0da few octets!"
DIGESTS = (hashes.SHA256(), hashes.SHA512(), hashes.SHA1(), hashes.MD5())


@pytest.fixture
def west(certificates: Path) -> Signer:
    (certificate,) = containers.certificates((certificates / "west-rsa.crt").read_bytes())
    key = keys.read((certificates / "west-rsa.key").read_bytes()).key
    return Signer(certificate, key)  # type: ignore[arg-type]


@pytest.mark.parametrize("digest", DIGESTS, ids=lambda digest: digest.name)
def test_openssl_verifies_what_we_sign(west: Signer, certificates: Path, digest: hashes.HashAlgorithm) -> None:
    message = signed.sign(CONTENT, {MESSAGE_TYPE: b"\x13\x0219"}, west, digest)
    trusted = certificates.parent / "trusted.pem"
    trusted.write_bytes((certificates / "root.crt").read_bytes() + (certificates / "west-rsa.chain").read_bytes())
    options = ("-inform", "DER", "-CAfile", trusted)
    assert openssl("cms", "-verify", "-binary", "-purpose", "any", *options, octets=message) == CONTENT
    found = signed.open_signed(message, (west.certificate,))
    assert (found.content, found.attributes[MESSAGE_TYPE]) == (CONTENT, b"\x13\x0219")


@pytest.mark.parametrize("digest", DIGESTS, ids=lambda digest: digest.name)
def test_we_verify_what_openssl_signs(west: Signer, certificates: Path, digest: hashes.HashAlgorithm) -> None:
    files = ("-signer", certificates / "west-rsa.crt", "-inkey", certificates / "west-rsa.key")
    options = ("-sign", "-binary", "-nodetach", "-nosmimecap", "-outform", "DER", "-md", digest.name)
    message = openssl("cms", *options, *files, octets=CONTENT)
    assert signed.open_signed(message, (west.certificate,)).content == CONTENT


@pytest.mark.parametrize("cipher", (AES_128, AES_256, TRIPLE_DES), ids=("aes128", "aes256", "des3"))
def test_openssl_opens_what_we_seal(west: Signer, certificates: Path, cipher: Cipher) -> None:
    message = enveloped.seal(CONTENT, west.certificate, cipher, urandom)
    files = ("-inkey", certificates / "west-rsa.key", "-recip", certificates / "west-rsa.crt")
    assert openssl("cms", "-decrypt", "-binary", "-inform", "DER", *files, octets=message) == CONTENT
    assert enveloped.open_enveloped(message, west.key) == CONTENT


@pytest.mark.parametrize("words", (("-aes128",), ("-des3",), ("-des", "-provider", "legacy", "-provider", "default")))
def test_we_open_what_openssl_seals(west: Signer, certificates: Path, words: tuple[str, ...]) -> None:
    options = ("-encrypt", "-binary", "-outform", "DER", *words, "-recip", certificates / "west-rsa.crt")
    message = openssl("cms", *options, octets=CONTENT)
    assert enveloped.open_enveloped(message, west.key) == CONTENT


def test_a_message_for_another_key(west: Signer, certificates: Path) -> None:
    (other,) = containers.certificates((certificates / "east-rsa.crt").read_bytes())
    message = enveloped.seal(CONTENT, other, AES_128, urandom)
    with pytest.raises(NotAuthentic, match="for another key"):
        enveloped.open_enveloped(message, west.key)


def test_a_message_of_another_signer(west: Signer, certificates: Path) -> None:
    (other,) = containers.certificates((certificates / "east-rsa.crt").read_bytes())
    message = signed.sign(CONTENT, {}, west, hashes.SHA256())
    with pytest.raises(NotAuthentic, match="not of the authority"):
        signed.open_signed(message, (other,))


def test_altered_messages(west: Signer) -> None:
    """Whatever octet is altered: refused with an error of ours, or it was one that says nothing."""
    message = signed.sign(CONTENT, {SENDER_NONCE: b"\x04\x01a"}, west, hashes.SHA256())
    drawn = random.Random(5)
    refused = 0
    for _ in range(3000):
        place = drawn.randrange(len(message))
        altered = message[:place] + bytes([message[place] ^ 1 << drawn.randrange(8)]) + message[place + 1 :]
        try:
            found = signed.open_signed(altered, (west.certificate,))
        except (Malformed, NotAuthentic):
            refused += 1
        else:
            assert (found.content, found.attributes[SENDER_NONCE]) == (CONTENT, b"\x04\x01a")
    assert refused > 500


def test_octets_of_any_kind(west: Signer) -> None:
    drawn = random.Random(6)
    for _ in range(2000):
        octets = drawn.randbytes(drawn.randrange(200))
        with pytest.raises(Malformed):
            signed.open_signed(octets, ())
        with pytest.raises(Malformed):
            enveloped.open_enveloped(octets, west.key)


# Messages of others


def test_a_request_of_an_apple_device(corpus: Path) -> None:
    folder = corpus / "pki" / "scep"
    octets = (folder / "PKCSReq.der").read_bytes()
    (own, *_) = signed.certificates_in(octets)
    found = signed.open_signed(octets, (own,))
    key = keys.read(openssl("pkey", "-in", folder / "testca-ca.key", "-passin", "pass:")).key
    plain = enveloped.open_enveloped(found.content, key)  # type: ignore[arg-type]
    assert b"Certificate Request" in openssl("req", "-inform", "DER", "-verify", "-noout", "-text", octets=plain)
    with pytest.raises(ConfigError, match="2 is not a valid CSR version"):
        request.read(plain)


@pytest.mark.filterwarnings("ignore:Attribute's length must be")
def test_an_answer_with_single_des_and_sha1(corpus: Path) -> None:
    octets = (corpus / "pki" / "scep" / "CertRep.der").read_bytes()
    found = signed.open_signed(octets, signed.certificates_in(octets))
    _, algorithm, encrypted = enveloped._read(found.content)
    assert algorithm.algorithm == DES.oid and len(encrypted) % 8 == 0
    assert isinstance(found.signer, x509.Certificate)
