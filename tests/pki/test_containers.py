"""Certificates in every form in which openssl hands them on."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret
from ikevpn.pki import containers
from tests.pki.openssl import openssl


def common_names(found: tuple[x509.Certificate, ...]) -> list[str]:
    return [str(each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value) for each in found]


def forms(folder: Path) -> dict[str, bytes]:
    own, chain = folder / "west-rsa.crt", folder / "west-rsa.chain"
    both = ("-certfile", own, "-certfile", chain)
    return {
        "PEM": own.read_bytes() + chain.read_bytes(),
        "with text": openssl("x509", "-in", own, "-text") + chain.read_bytes(),
        "Windows lines": (own.read_bytes() + chain.read_bytes()).replace(b"\n", b"\r\n"),
        "PKCS#7, PEM": openssl("crl2pkcs7", "-nocrl", *both),
        "PKCS#7, DER": openssl("crl2pkcs7", "-nocrl", *both, "-outform", "DER"),
        "PKCS#12": openssl(
            *("pkcs12", "-export", "-inkey", own.with_suffix(".key"), "-in", own),
            *("-certfile", chain, "-passout", "pass:sesame"),
        ),
    }


@pytest.mark.parametrize("form", ("PEM", "with text", "Windows lines", "PKCS#7, PEM", "PKCS#7, DER", "PKCS#12"))
def test_every_form(certificates: Path, form: str) -> None:
    found = containers.certificates(forms(certificates)[form], Secret(b"sesame"))
    assert sorted(common_names(found)) == ["first", "second", "west.example.com"]
    assert openssl("x509", "-noout", "-subject", octets=containers.pem(found))


def test_der_alone(certificates: Path) -> None:
    octets = openssl("x509", "-in", certificates / "west-rsa.crt", "-outform", "DER")
    assert common_names(containers.certificates(octets)) == ["west.example.com"]


@pytest.mark.parametrize(
    ("octets", "sentence"),
    (
        (b"", "no certificate in PEM"),
        (b"0\x03\x02\x01\x00", "no certificate in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "there is no certificate in it"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "the certificate is damaged"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "the certificate is damaged"),
    ),
)
def test_what_is_no_certificate(octets: bytes, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        containers.certificates(octets)


def test_crls(certificates: Path) -> None:
    text = (certificates / "second.crl").read_bytes()
    for octets in (text, openssl("crl", "-outform", "DER", octets=text)):
        assert len(containers.crl(octets)) == 1
    with pytest.raises(ConfigError, match="no CRL"):
        containers.crl(b"hello")
