"""What a peer has compressed before it encrypted it (IPComp, RFC 3173, with DEFLATE, RFC 2394) is expanded here.

We never compress: a sender may leave any packet as it is (RFC 3173 §2.2), and encrypted traffic has little to gain. The
compression parameter index says nothing that the SA around it does not say.
"""

from __future__ import annotations

import zlib

from ikevpn.esp.packet.drops import Drop

NEXT_HEADER = 108
_HEADER = 4  # next header, flags, CPI
_RAW = -15  # no header of zlib, any window
_LARGEST = 65_535


def expand(packet: bytes) -> tuple[bytes, int] | Drop:
    """What was compressed, and its next header. `packet` starts at the IPComp header."""
    inflate = zlib.decompressobj(_RAW)
    try:
        expanded = inflate.decompress(packet[_HEADER:], _LARGEST + 1)
    except zlib.error:
        return Drop.IPCOMP
    if len(packet) <= _HEADER or not inflate.eof or len(expanded) > _LARGEST:
        return Drop.IPCOMP
    return expanded, packet[0]
