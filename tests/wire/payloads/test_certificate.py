from __future__ import annotations

import pytest

from ikevpn.errors import Malformed
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.certificate import Certificate, CertificateRequest
from ikevpn.wire.registry import CertificateEncoding


@pytest.mark.parametrize("cls", [Certificate, CertificateRequest])
def test_an_encoding_and_its_data(cls: type[Certificate | CertificateRequest]) -> None:
    assert cls.read(Reader(b"\x04abc")) == cls(CertificateEncoding.X509_SIGNATURE, b"abc")
    assert cls(CertificateEncoding.CRL, b"abc").write() == b"\x07abc"
    assert cls.read(Reader(b"\x04")) == cls(CertificateEncoding.X509_SIGNATURE, b"")


@pytest.mark.parametrize("cls", [Certificate, CertificateRequest])
def test_without_encoding_it_is_malformed(cls: type[Certificate | CertificateRequest]) -> None:
    with pytest.raises(Malformed):
        cls.read(Reader(b""))
