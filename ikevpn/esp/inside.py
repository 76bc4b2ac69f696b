"""What an inbound SA gives back, and the look inside that tunnel mode takes (RFC 4301 §5.2)."""

from __future__ import annotations

from typing import NamedTuple

from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.packet.inner import IPV4, IPV6, packet_size
from ikevpn.esp.packet.selection import Selection

VERSIONS = {IPV4: 4, IPV6: 6}
"""IP versions by next header."""


class Opened(NamedTuple):
    """A packet that came through, without padding and trailer. A tuple, because one is made for each."""

    data: bytes
    next_header: int


def look_inside(packet: bytes, next_header: int, selection: Selection) -> Opened | Drop:
    """The inner packet of tunnel mode, cut to the length it claims and compared with the selectors of its SA."""
    version = VERSIONS.get(next_header)
    if version is None:
        return Drop.NEXT_HEADER
    size = packet_size(packet)
    if size is None or packet[0] >> 4 != version:
        return Drop.MALFORMED_INNER
    if size < len(packet):
        packet = packet[:size]  # the rest is padding for traffic flow confidentiality (RFC 4303 §2.7)
    admitted = selection.judge(packet)
    if admitted:
        return Opened(packet, next_header)
    return Drop.MALFORMED_INNER if admitted is None else Drop.SELECTOR
