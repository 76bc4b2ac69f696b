"""Certificates of strangers: read as a whole, or refused with the one error."""

from __future__ import annotations

import random
import tarfile
from pathlib import Path

import pytest

from ikevpn.model.identity import Identity
from ikevpn.pki.certificate import BadCertificate, Certificate, bundle, read_key
from tests.pki.openssl import openssl


def der(folder: Path, name: str) -> bytes:
    return openssl("x509", "-in", folder / f"{name}.crt", "-outform", "der")


def test_what_ike_asks_of_a_certificate(certificates: Path) -> None:
    found = Certificate.read(der(certificates, "west-rsa"))
    issuer = Certificate.read(der(certificates, "second"))
    assert found.issuer == issuer.subject and Identity.of("WEST.example.com").folded in found.identities
    shown = openssl("x509", "-in", certificates / "west-rsa.crt", "-noout", "-pubkey")
    assert found.key_info == openssl("pkey", "-pubin", "-outform", "der", octets=shown)
    assert read_key(found.key_info).public_numbers() == found.key.public_numbers()


def test_a_bundle_as_windows_sends_it(certificates: Path) -> None:
    words = ("crl2pkcs7", "-nocrl", "-certfile", certificates / "west-rsa.crt")
    octets = openssl(*words, "-certfile", certificates / "west-rsa.chain", "-outform", "der")
    assert len(bundle(octets)) == 3 and bundle(octets)[0].der == der(certificates, "west-rsa")


@pytest.mark.parametrize("octets", (b"", b"\x30", b"\x30\x80", bytes(40), b"\x30\x82\x7f\xff" + bytes(40000)))
def test_no_certificate(octets: bytes) -> None:
    for read in (Certificate.read, bundle, read_key):
        with pytest.raises(BadCertificate):
            read(octets)


def test_mutated_certificates_raise_one_error(certificates: Path) -> None:
    dice = random.Random("certificates")
    for name in ("sans", "west-rsa", "west-ec256", "west-dsa"):
        whole = der(certificates, name)
        for _ in range(2000):
            octets = bytearray(whole)
            for _ in range(dice.randrange(1, 4)):
                octets[dice.randrange(len(octets))] = dice.randrange(256)
            _harmless(bytes(octets[: dice.choice((len(octets), dice.randrange(len(octets))))]))


def test_the_corpus_of_others(corpus: Path) -> None:
    with tarfile.open(corpus / "pki" / "strongswan-fuzz-certs.tar.gz") as archive:
        found = [archive.extractfile(each) for each in archive.getmembers() if each.isfile()]
        read = [_harmless(each.read()) for each in found if each is not None]
    assert len(read) > 100


def _harmless(octets: bytes) -> bool:
    try:
        Certificate.read(octets)
    except BadCertificate:
        return False
    return True
