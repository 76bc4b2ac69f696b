"""Internet checksums (RFC 1071) of single packets and of runs.

A sum is a number modulo 65535 made of 16-bit words in little-endian order: the order of octets makes no difference to
a one's complement sum as long as the checksum is written in the same order (RFC 1071 §2 B), and this one is the
machine's. 0 and 65535 are the same number; a sum over a header is never the sum of zeros.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ORDER = 0xFFFF
Rows = NDArray[np.uint8]
Sums = NDArray[np.uint32]


def add(octets: bytes | bytearray | memoryview) -> int:
    """The sum of one packet's octets; an odd last one counts as if a zero followed."""
    return int.from_bytes(octets, "little") % ORDER


def add_rows(rows: Rows) -> Sums:
    """The sum of each row, of an even number of octets up to 64 KiB."""
    sums: Sums = np.add.reduce(rows.view("<u2"), axis=1, dtype=np.uint32)
    return sums % np.uint32(ORDER)


def complete(sum: int) -> int:
    """The checksum that makes a sum valid, where the sum was taken with a checksum of zero."""
    return (ORDER - sum) % ORDER


def pseudo_header(packet: bytes | bytearray | memoryview, protocol: int, size: int) -> int:
    """The sum of the addresses of an IP packet, a protocol and a length (RFC 9293 §3.1, RFC 8200 §8.1)."""
    addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
    return (add(addresses) + swapped(protocol) + swapped(size)) % ORDER


def swapped(word: int) -> int:
    """A 16-bit number of a header as it counts in a sum."""
    return (word & 0xFF) << 8 | word >> 8
