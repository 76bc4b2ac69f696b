"""Notification and Delete, RFC 2408 §3.14 and §3.15. Says what they carry; whether to believe them is decided where
it is known who sent them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ikevpn.errors import UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import pack
from ikevpn.wire.registry import Doi, NotifyType, PayloadType, Protocol


@dataclass(frozen=True, slots=True)
class Notify:
    """One notification. `spi` may be empty, 4 octets for AH and ESP, 16 for ISAKMP (both cookies)."""

    payload_type: ClassVar[PayloadType] = PayloadType.NOTIFICATION

    doi: Doi
    protocol: Protocol
    spi: bytes
    type: NotifyType
    data: bytes = b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """DOI, protocol, SPI size, type, SPI, data."""
        doi, protocol = Doi(reader.u32()), Protocol(reader.u8())
        spi_size, kind = reader.u8(), NotifyType(reader.u16())
        return cls(doi, protocol, reader.take(spi_size), kind, reader.rest())

    def write(self) -> bytes:
        """The body."""
        return pack("IBBH", self.doi, self.protocol, len(self.spi), self.type) + self.spi + self.data


@dataclass(frozen=True, slots=True)
class Delete:
    """SPIs that the sender has given up: its inbound ones (RFC 2408 §3.15); all have the same length."""

    payload_type: ClassVar[PayloadType] = PayloadType.DELETE

    doi: Doi
    protocol: Protocol
    spis: tuple[bytes, ...]

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """DOI, protocol, SPI size, number of SPIs, SPIs; a size or number that does not add up is `Malformed`."""
        doi, protocol = Doi(reader.u32()), Protocol(reader.u8())
        spi_size, count = reader.u8(), reader.u16()
        if count > limits.SPIS:
            raise reader.error(f"{count} SPIs; at most {limits.SPIS} are accepted", back=2)
        if count == 0 and spi_size:
            raise reader.error(f"no SPIs, but a size of {spi_size} for them", back=3)
        spis = tuple(reader.take(spi_size) for _ in range(count))
        reader.finish("SPIs")
        return cls(doi, protocol, spis)

    def write(self) -> bytes:
        """The body."""
        sizes = {len(spi) for spi in self.spis} or {0}
        if len(sizes) != 1:
            raise UsageError(f"SPIs of different sizes {sorted(sizes)} in one Delete")
        return pack("IBBH", self.doi, self.protocol, sizes.pop(), len(self.spis)) + b"".join(self.spis)
