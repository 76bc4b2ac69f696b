"""The identification payload, RFC 2407 §4.6.2, and its use in quick mode as a range of addresses. Knows nothing of
who may be whom: names are compared in `ike` and `pki`."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ClassVar, Self

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import GENERIC_SIZE, pack
from ikevpn.wire.registry import IdType, PayloadType

Address = IPv4Address | IPv6Address

_ADDRESS_TYPES = {4: IdType.IPV4_ADDRESS, 6: IdType.IPV6_ADDRESS}
_SUBNET_TYPES = {4: IdType.IPV4_SUBNET, 6: IdType.IPV6_SUBNET}
_RANGE_TYPES = {4: IdType.IPV4_RANGE, 6: IdType.IPV6_RANGE}
_SIZES = {
    **dict.fromkeys((IdType.IPV4_ADDRESS, IdType.IPV4_SUBNET, IdType.IPV4_RANGE), 4),
    **dict.fromkeys((IdType.IPV6_ADDRESS, IdType.IPV6_SUBNET, IdType.IPV6_RANGE), 16),
}


@dataclass(frozen=True, slots=True)
class Identification:
    """Who (phase 1) or what traffic (quick mode). `protocol` and `port` 0 mean any."""

    payload_type: ClassVar[PayloadType] = PayloadType.IDENTIFICATION

    id_type: IdType
    protocol: int
    port: int
    data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Type, protocol, port, data of any form: `to_range` checks addresses, where addresses are meant."""
        return cls(IdType(reader.u8()), reader.u8(), reader.u16(), reader.rest())

    def write(self) -> bytes:
        """The body."""
        return pack("BBH", self.id_type, self.protocol, self.port) + self.data


def to_range(ident: Identification) -> tuple[Address, Address]:
    """First and last address that `ident` means. `Malformed` if it is no address, subnet or range, or a wrong one.

    Offsets of errors count from the start of the payload's body. A subnet whose address has host bits set means its
    network: several gateways send their own address with a mask.
    """
    size = _SIZES.get(ident.id_type)
    if size is None:
        raise Malformed(f"an identification of type {ident.id_type} names no addresses", 0)
    single = ident.id_type in _ADDRESS_TYPES.values()
    if len(ident.data) != (size if single else 2 * size):
        raise Malformed(f"an identification of type {ident.id_type} with {len(ident.data)} octets", GENERIC_SIZE)
    head, tail = ident.data[:size], ident.data[size:] or ident.data
    if ident.id_type in _SUBNET_TYPES.values():
        return _subnet(head, tail)
    first, last = ip_address(head), ip_address(tail)
    if int(first) > int(last):
        raise Malformed(f"a range from {first} down to {last}", GENERIC_SIZE)
    return first, last


def _subnet(address: bytes, mask: bytes) -> tuple[Address, Address]:
    bits = 8 * len(mask)
    ones = (1 << bits) - 1
    host = int.from_bytes(mask, "big") ^ ones
    if host & (host + 1):
        raise Malformed(f"the mask {ip_address(mask)} has gaps", GENERIC_SIZE + len(address))
    first = int.from_bytes(address, "big") & ~host
    size = len(address)
    return ip_address(first.to_bytes(size, "big")), ip_address((first | host).to_bytes(size, "big"))


def of_range(first: Address, last: Address, protocol: int = 0, port: int = 0) -> Identification:
    """The shortest form: one address, else a subnet if the range is exactly one, else the range."""
    if first.version != last.version or int(first) > int(last):
        raise UsageError(f"{first} to {last} is no range of addresses")
    version = first.version
    if first == last:
        return Identification(_ADDRESS_TYPES[version], protocol, port, first.packed)
    host = int(first) ^ int(last)
    if not host & (host + 1) and not int(first) & host:
        mask = host ^ ((1 << first.max_prefixlen) - 1)
        packed = mask.to_bytes(len(first.packed), "big")
        return Identification(_SUBNET_TYPES[version], protocol, port, first.packed + packed)
    return Identification(_RANGE_TYPES[version], protocol, port, first.packed + last.packed)
