"""Self-signed certificates of every kind that openssl makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from ikevpn.pki.reading import public_key
from ikevpn.pki.signature import is_signed_by
from tests.pki.openssl import openssl

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")


@pytest.mark.parametrize(
    "words",
    (
        (*RSA, "-sha1"),
        (*RSA, "-sha256"),
        (*RSA, "-sha512", "-sigopt", "rsa_padding_mode:pss"),
        (*EC, "-sha1"),
        (*EC, "-sha384"),
        ("-newkey", "ed25519"),
        ("-newkey", "ed448"),
    ),
    ids=" ".join,
)
def test_what_openssl_signs(tmp_path: Path, words: tuple[str, ...]) -> None:
    octets = openssl("req", "-x509", *words, "-nodes", "-keyout", tmp_path / "key", "-subj", "/CN=a")
    found = x509.load_pem_x509_certificate(octets)
    assert is_signed_by(found, public_key(found))
    der = bytearray(openssl("x509", "-outform", "DER", octets=octets))
    der[der.index(b"\x0c\x01a") + 2] = ord("b")
    assert not is_signed_by(x509.load_der_x509_certificate(bytes(der)), public_key(found))
