"""What the header that the kernel writes outside takes over from the packet inside (RFC 4301 §5.1.2, RFC 6040 §4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ikevpn.model.outer_header import DfBit, OuterHeader
from ikevpn.model.sa import SaMode

USUAL_TTL = 64
_DF = 0x40
_ECN = 0x03
_MOST_MARKS = 4096  # senders inside choose what they are made of
_FIELDS = itemgetter(0, 1, 6)  # the octets that marks are made of, and some more
_WITH_TTL = itemgetter(0, 1, 6, 7, 8)


class Mark(NamedTuple):
    """Fields of outer headers. `df` counts only for IPv4: IPv6 is never fragmented on its way; and so does `checksum`,
    that of UDP, which IPv6 always has.
    """

    tos: int = 0
    ttl: int = USUAL_TTL
    df: bool = False
    checksum: bool = True

    @property
    def options(self) -> tuple[bool, bool]:
        """What Linux has only as options of the whole socket."""
        return self[2:]


PLAIN = Mark()


class Marker:
    """The marks for one SA's packets, each computed once.

    What does not `fit` has nevertheless to leave, in fragments, and so without DF. In transport mode the header outside
    is that of the packet itself.
    """

    __slots__ = ("_fields", "_marks", "_outer", "_tunnel")

    def __init__(self, outer: OuterHeader, mode: SaMode) -> None:
        self._outer = outer
        self._tunnel = mode is SaMode.TUNNEL
        self._fields = _FIELDS if self._tunnel else _WITH_TTL
        self._marks: dict[int, Mark] = {}

    def of(self, packet: bytes | memoryview, *, fits: bool = True) -> Mark:
        """For a packet with a whole IP header."""
        key = packet[0] << 16 | packet[1] << 8 | packet[6] & _DF | fits
        if not self._tunnel:
            key |= packet[7] << 32 | packet[8] << 24
        mark = self._marks.get(key)
        if mark is None:
            if len(self._marks) >= _MOST_MARKS:
                self._marks.clear()
            mark = self._marks[key] = self._make(packet, fits=fits)
        return mark

    def groups(self, packets: Sequence[bytes], largest: int) -> Iterator[tuple[Mark, int]]:
        """The mark of packets that have the same one in a row, and how many they are; up to `largest` they fit."""
        of = self.of
        if len(set(map(self._fields, packets))) == 1 and max(map(len, packets)) <= largest:
            yield of(packets[0]), len(packets)
            return
        marks = (of(packet, fits=len(packet) <= largest) for packet in packets)
        yield from ((mark, len(list(alike))) for mark, alike in groupby(marks))

    def _make(self, packet: bytes | memoryview, *, fits: bool) -> Mark:
        outer = self._outer
        if packet[0] >> 4 == 4:
            tos, ttl, df = packet[1], packet[8], bool(packet[6] & _DF)
        else:
            tos, ttl, df = (packet[0] & 0x0F) << 4 | packet[1] >> 4, packet[7], True
        if self._tunnel:
            ttl = outer.ttl
            service = tos >> 2 if outer.dscp is None else outer.dscp
            tos = service << 2 | (tos & _ECN if outer.ecn else 0)
            df = df if outer.df is DfBit.COPY else outer.df is DfBit.SET
        return Mark(tos, ttl, df and fits, outer.checksum)
