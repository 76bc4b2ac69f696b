"""Certificate and certificate request, RFC 2408 §3.9 and §3.10. The DER inside is the business of `pki`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import pack
from ikevpn.wire.registry import CertificateEncoding, PayloadType


@dataclass(frozen=True, slots=True)
class _Encoded:
    encoding: CertificateEncoding
    data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """One octet of encoding, then the data."""
        return cls(CertificateEncoding(reader.u8()), reader.rest())

    def write(self) -> bytes:
        """The body."""
        return pack("B", self.encoding) + self.data


@dataclass(frozen=True, slots=True)
class Certificate(_Encoded):
    """One certificate, CRL or chain, as its encoding says."""

    payload_type: ClassVar[PayloadType] = PayloadType.CERTIFICATE


@dataclass(frozen=True, slots=True)
class CertificateRequest(_Encoded):
    """A wish for a certificate; `data` names the authority (DER), empty means any."""

    payload_type: ClassVar[PayloadType] = PayloadType.CERTIFICATE_REQUEST
