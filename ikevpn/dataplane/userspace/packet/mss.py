"""Keeps TCP connections through a tunnel from agreeing on segments that are too large for it (RFC 9293 §3.7.1); pure.

Only the segments that open a connection say how large the others may be, and only those are looked at closely.
"""

from __future__ import annotations

from typing import NamedTuple

from ikevpn.dataplane.userspace.packet import checksum
from ikevpn.dataplane.userspace.packet.checksum import ORDER
from ikevpn.esp.transforms.room import Rows

TCP = 6
ANY = 0xFFFF
LONGEST_SYN = 60 + 60  # with all options of IPv4 and TCP and no data
_SYN = 0x02
_END, _NOTHING, _MSS, _MSS_SIZE = 0, 1, 2, 4
_SHORTEST = {4: 20, 6: 40}
_TCP_HEADER = 20


class Limit(NamedTuple):
    """Octets of TCP payload in a packet over IPv4 and over IPv6."""

    ipv4: int = ANY
    ipv6: int = ANY

    @classmethod
    def of_packet(cls, size: int) -> Limit:
        """What fits packets of `size` without options."""
        return cls(*(max(1, size - header - _TCP_HEADER) for header in _SHORTEST.values()))


def may_open(packet: bytes) -> bool:
    """Whether it is worth to call `clamp`: cheap, and never wrong where it says no."""
    if packet[0] == 0x45:
        return packet[9] == TCP and len(packet) > 33 and bool(packet[33] & _SYN)
    return packet[6] == TCP or packet[0] >> 4 == 4


def may_open_rows(rows: Rows) -> bool:
    """The same for TCP and UDP with plain headers, a row each; no run of larger packets opens connections."""
    size = rows.shape[1]
    protocol, flags = (9, 33) if rows[0, 0] >> 4 == 4 else (6, 53)
    if not flags < size <= LONGEST_SYN:
        return False
    return bool(((rows[:, protocol] == TCP) & (rows[:, flags] & _SYN != 0)).any())


def clamp(packet: bytes, limit: Limit) -> bytes:
    """The packet, with a smaller maximum segment size where it names one beyond the limit.

    What is no well-formed first segment over IPv4, or over IPv6 without extension headers, stays as it is.
    """
    version = packet[0] >> 4
    if version == 4:
        start, protocol, later = (packet[0] & 15) * 4, packet[9], packet[6] & 0x1F or packet[7]
    else:
        start, protocol, later = _SHORTEST[6], packet[6], 0
    if protocol != TCP or later or len(packet) < start + _TCP_HEADER or not packet[start + 13] & _SYN:
        return packet
    at = _find(packet, start)
    largest = limit.ipv4 if version == 4 else limit.ipv6
    if at is None or int.from_bytes(packet[at : at + 2], "big") <= largest:
        return packet
    return _replace(packet, at, start, largest.to_bytes(2, "big"))


def _find(packet: bytes, start: int) -> int | None:
    """Where the value of the option stands; None where there is none, or the options are broken."""
    end = start + (packet[start + 12] >> 4) * 4
    at = start + _TCP_HEADER
    if end > len(packet):
        return None
    while at < end and packet[at] != _END:
        if packet[at] == _NOTHING:
            at += 1
            continue
        size = packet[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            return None
        if packet[at] == _MSS:
            return at + 2 if size == _MSS_SIZE else None
        at += size
    return None


def _replace(packet: bytes, at: int, start: int, value: bytes) -> bytes:
    """Two octets and the TCP checksum that covers them; at an odd place they belong to two words of the sum."""
    changed = bytearray(packet)
    changed[at : at + 2] = value
    first, last = at - (at - start) % 2, at + 2 + (at - start) % 2
    field = int.from_bytes(packet[start + 16 : start + 18], "little")
    sum = ORDER - field + ORDER - checksum.add(packet[first:last]) + checksum.add(changed[first:last])
    changed[start + 16 : start + 18] = checksum.complete(sum % ORDER).to_bytes(2, "little")
    return bytes(changed)
