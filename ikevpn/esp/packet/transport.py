"""Transport mode: a packet without its IP header, and back (RFC 4303 §3.1.1; RFC 4302 §3.1.1). Pure.

The host writes the header of what it sends anew from the SA, so it takes only packets whose header says nothing beyond
that: no fragments, no options, no extension headers that belong in front.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ikevpn.esp.packet.inner import packet_size

_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_TTL = 255  # who has sent it is proven, so those that take packets of neighbours alone may have it (RFC 5082)
_ECN_SHIFT = 20  # in the first word of IPv6
_DONT_FRAGMENT = 0x4000
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION = 0, 43, 44, 60
_OUTSIDE = frozenset({_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION})
_TCP, _UDP = 6, 17
_UDP_HEADER = 8
_CHECKSUM_AT = {_TCP: 16, _UDP: 6}


class Payload(NamedTuple):
    """What stands behind an IP header, and the protocol that it said."""

    data: bytes
    protocol: int


def strip(packet: bytes) -> Payload | None:
    """The payload of a whole packet; None for one that cannot travel in transport mode."""
    size = packet_size(packet)
    if size is None:
        return None
    if packet[0] >> 4 == 4:
        fragment = packet[6] & 0x3F or packet[7]
        return Payload(packet[20:size], packet[9]) if packet[0] == 0x45 and not fragment else None
    return Payload(packet[40:size], packet[6]) if packet[6] not in _OUTSIDE else None


def restore(payload: Payload, source: bytes, target: bytes, *, mend: bool, ecn: int = 0) -> bytes | None:
    """The packet of a payload between two addresses, with the congestion mark `ecn`; None where it would be too long.

    `mend`: a NAT may have changed the addresses since the sender computed the checksum of TCP or UDP, so it is computed
    anew; the ICV has said that the payload is what was sent (RFC 3948 §3.1.2).
    """
    data, protocol = payload
    if mend:
        data = _mended(data, protocol, source, target)
    if len(source) == 16:
        return (
            _IPV6.pack(6 << 28 | ecn << _ECN_SHIFT, len(data), protocol, _TTL, source, target) + data
            if len(data) < 1 << 16
            else None
        )
    size = _IPV4.size + len(data)
    if size >= 1 << 16:
        return None
    header = _IPV4.pack(0x45, ecn, size, 0, _DONT_FRAGMENT, _TTL, protocol, 0, source, target)
    return b"".join((header[:10], _checksum(header).to_bytes(2, "big"), header[12:], data))


def _mended(data: bytes, protocol: int, source: bytes, target: bytes) -> bytes:
    at = _CHECKSUM_AT.get(protocol)
    if at is None or len(data) < at + 2 or (protocol == _UDP and data[at : at + 2] == b"\0\0"):
        return data
    if protocol == _UDP:
        data = data[: int.from_bytes(data[4:6], "big")]  # behind it only padding can stand (RFC 4303 §2.7)
        if len(data) < _UDP_HEADER:
            return data
    blank = b"".join((data[:at], b"\0\0", data[at + 2 :]))
    pseudo = source + target + struct.pack("!IHBB", len(data), 0, 0, protocol)
    value = _checksum(pseudo + blank)
    return b"".join((data[:at], (value or 0xFFFF if protocol == _UDP else value).to_bytes(2, "big"), data[at + 2 :]))


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071); the sum of 16-bit words modulo 65535 is that of the whole number."""
    total = int.from_bytes(data + b"\0" if len(data) % 2 else data, "big") % 0xFFFF
    return 0xFFFF - total if total else 0
