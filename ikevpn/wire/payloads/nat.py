"""The two payloads of NAT traversal, RFC 3947 §3.2 and §5.2, under all the numbers that the drafts gave them. Carries
hashes and addresses; compares none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ikevpn.errors import UsageError
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import pack
from ikevpn.wire.registry import IdType, PayloadType

_ADDRESS_SIZES = {IdType.IPV4_ADDRESS: 4, IdType.IPV6_ADDRESS: 16}


@dataclass(frozen=True, slots=True)
class NatD:
    """Hash over cookies, address and port, RFC 3947 §3.2; types 20, 130 (drafts to 03) or 15 (drafts 04 to 08)."""

    data: bytes
    payload_type: PayloadType = PayloadType.NAT_D

    @classmethod
    def read(cls, reader: Reader, payload_type: PayloadType = PayloadType.NAT_D) -> Self:
        """Take the whole body."""
        return cls(reader.rest(), payload_type)

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class NatOa:
    """Original address of one end, RFC 3947 §5.2; types 21, 131 or 16. `address` has 4 or 16 octets."""

    id_type: IdType
    address: bytes
    payload_type: PayloadType = PayloadType.NAT_OA

    @classmethod
    def read(cls, reader: Reader, payload_type: PayloadType = PayloadType.NAT_OA) -> Self:
        """Id type, three reserved octets (ignored), address; the length must be that of the type."""
        id_type = IdType(reader.u8())
        reader.take(3)
        if reader.remaining != _ADDRESS_SIZES.get(id_type):
            raise reader.error(f"an original address of type {id_type} with {reader.remaining} octets")
        return cls(id_type, reader.rest(), payload_type)

    def write(self) -> bytes:
        """The body."""
        if len(self.address) != _ADDRESS_SIZES.get(self.id_type):
            raise UsageError(f"an original address of type {self.id_type} with {len(self.address)} octets")
        return pack("Bxxx", self.id_type) + self.address
