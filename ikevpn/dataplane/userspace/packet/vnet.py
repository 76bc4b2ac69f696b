"""The header that stands in front of every packet of a TUN device with offloads (VIRTIO 1.2 §5.1.6, ten octets)."""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = struct.Struct("=BBHHHH")  # flags, kind, header length, segment size, checksum start, checksum offset
SIZE = HEADER.size

NEEDS_CHECKSUM = 1
NONE, TCP4, TCP6, UDP = 0, 1, 4, 5
ECN = 0x80

PLAIN = bytes(SIZE)  # nothing left to do


class Offload(NamedTuple):
    """What the kernel leaves to us, or we to it.

    `kind` is NONE for one packet, else how to cut it into segments with `segment` octets of payload; `checksum` with
    `NEEDS_CHECKSUM`: the checksum at `start + offset` holds the sum of the pseudo header only.
    """

    flags: int
    kind: int
    header: int
    segment: int
    start: int
    offset: int

    @property
    def incomplete(self) -> bool:
        """Whether the checksum has still to be computed."""
        return bool(self.flags & NEEDS_CHECKSUM)


def is_whole(header: bytes) -> bool:
    """Whether the packet behind a header is one and not to be cut."""
    return header[1] == NONE


def read(frame: bytes | memoryview) -> Offload:
    """The header of a frame of at least `SIZE` octets."""
    return Offload(*HEADER.unpack_from(frame))


def write(offload: Offload) -> bytes:
    return HEADER.pack(*offload)
