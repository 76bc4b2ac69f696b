"""Tells the sender of a packet that does not fit a tunnel how much does (RFC 1191 §4, RFC 4443 §3.2).

The answer comes from the address that the packet was for. The kernel would take one of our own for forged, since it
comes in through a device (RFC 1812 §5.3.8); of its target it expects just that, and whoever sent the packet does not
mind.
"""

from __future__ import annotations

import struct

from ikevpn.dataplane.userspace.packet import checksum
from ikevpn.esp.packet.inner import read_flow

SILENCE_S = 0.1
MOST_ANSWERS = 64
LEAST_IPV6 = 1280  # every path of IPv6 takes as much (RFC 8200 §5)

_ICMP, _ICMPV6 = 1, 58
_NEEDED, _TOO_BIG = (3, 4), (2, 0)  # type and code
_MOST_IPV4 = 576  # octets of the whole answer (RFC 1812 §4.3.2.3)
_ERRORS = frozenset({3, 4, 5, 11, 12})  # types of ICMP that are never answered
_FIRST_QUESTION = 128  # types of ICMPv6 below it are errors
_TTL, _CONTROL = 64, 0xC0
_MESSAGE = struct.Struct("!BBHI")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_DF = 0x4000


class Answers:
    """At most one answer for each pair of addresses in `SILENCE_S`, and `MOST_ANSWERS` in all in that time."""

    def __init__(self) -> None:
        self._given: dict[bytes, float] = {}  # oldest first

    def make(self, packet: bytes, mtu: int, now: float) -> bytes | None:
        """What to tell the sender of `packet`; None where it is told nothing."""
        addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
        for pair in [pair for pair, at in self._given.items() if at + SILENCE_S <= now]:
            del self._given[pair]
        if len(self._given) >= MOST_ANSWERS or addresses in self._given:
            return None
        made = answer(packet, mtu)
        if made is not None:
            self._given[addresses] = now
        return made


def answer(packet: bytes, mtu: int) -> bytes | None:
    """The ICMP packet for a sender of `packet`; None where there must be none (RFC 1122 §3.2.2, RFC 4443 §2.4)."""
    flow = read_flow(packet)
    if flow is None or flow.fragment:
        return None
    if flow.version == 4:
        return _answer_ipv4(packet, mtu) if _may_answer_ipv4(packet) else None
    return _answer_ipv6(packet, max(mtu, LEAST_IPV6)) if _may_answer_ipv6(packet, flow.protocol) else None


def _may_answer_ipv4(packet: bytes) -> bool:
    source, target = packet[12], packet[16]
    if source in (0, 127) or source >= 224 or target >= 224:
        return False
    header = (packet[0] & 15) * 4
    return packet[9] != _ICMP or (len(packet) > header and packet[header] not in _ERRORS)


def _may_answer_ipv6(packet: bytes, protocol: int) -> bool:
    if packet[8] == 0xFF or packet[24] == 0xFF or packet[8:24] == bytes(16):
        return False
    return protocol != _ICMPV6 or (packet[6] == _ICMPV6 and packet[40] >= _FIRST_QUESTION)


def _answer_ipv4(packet: bytes, mtu: int) -> bytes:
    content = _message(*_NEEDED, mtu, packet[: _MOST_IPV4 - 28], 0)
    fields = (0x45, _CONTROL, 20 + len(content), 0, _DF, _TTL, _ICMP)
    sum = checksum.add(_IPV4.pack(*fields, 0, packet[16:20], packet[12:16]))
    finished = checksum.swapped(checksum.complete(sum))
    return _IPV4.pack(*fields, finished, packet[16:20], packet[12:16]) + content


def _answer_ipv6(packet: bytes, mtu: int) -> bytes:
    quote = packet[: LEAST_IPV6 - 48]
    header = _IPV6.pack(6 << 28, 8 + len(quote), _ICMPV6, _TTL, packet[24:40], packet[8:24])
    return header + _message(*_TOO_BIG, mtu, quote, checksum.pseudo_header(header, _ICMPV6, 8 + len(quote)))


def _message(kind: int, code: int, mtu: int, quote: bytes, sum: int) -> bytes:
    """With its checksum; `sum` is that of a pseudo header."""
    total = sum + checksum.add(_MESSAGE.pack(kind, code, 0, mtu) + quote)
    return _MESSAGE.pack(kind, code, checksum.swapped(checksum.complete(total % checksum.ORDER)), mtu) + quote
