"""Congestion marks that a packet met outside, carried over to the packet inside (RFC 6040 §4.2); pure.

inside \\ outside   Not-ECT   ECT(0)    ECT(1)    CE
Not-ECT            Not-ECT   Not-ECT   Not-ECT   dropped
ECT(0)             ECT(0)    ECT(0)    ECT(1)    CE
ECT(1)             ECT(1)    ECT(1)    ECT(1)    CE
CE                 CE        CE        CE        CE
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ikevpn.esp.transforms.room import Rows

NOT_ECT, ECT_1, ECT_0, CE = range(4)
MASK = 0x03

# By the mark inside; outside Not-ECT and ECT(0) change nothing. None: dropped.
_MARKED: dict[int, tuple[int | None, ...]] = {
    ECT_1: (NOT_ECT, ECT_1, ECT_1, CE),
    CE: (None, CE, CE, CE),
}
_IPV6_SHIFT = 4  # the mark stands in the second octet of either header, in IPv6 in its upper half


def matters(outer: int) -> bool:
    """Whether a mark outside can change anything inside."""
    return outer in _MARKED


def combine(packet: bytes, outer: int) -> bytes | None:
    """An IP packet with the mark that it has to go on with; None where it has to be dropped."""
    is_ipv4 = packet[0] >> 4 == 4
    shift = 0 if is_ipv4 else _IPV6_SHIFT
    inner = packet[1] >> shift & MASK
    mark = _MARKED[outer][inner] if outer in _MARKED else inner
    if mark is None or mark == inner:
        return None if mark is None else packet
    second = packet[1] & ~(MASK << shift) | mark << shift
    if not is_ipv4:
        return b"".join((packet[:1], bytes([second]), packet[2:]))
    checksum: int = _mend(int.from_bytes(packet[10:12], "big"), packet[1], second)
    return b"".join((packet[:1], bytes([second]), packet[2:10], checksum.to_bytes(2, "big"), packet[12:]))


def combine_rows(rows: Rows, outer: int) -> bool:
    """The same for packets of one IP version, a row each, in place.

    False where one of them has to be dropped, and then nothing has changed.
    """
    if outer not in _MARKED:
        return True
    is_ipv4 = rows[0, 0] >> 4 == 4
    shift = 0 if is_ipv4 else _IPV6_SHIFT
    before = rows[:, 1].astype(np.uint32)
    inner = before >> shift & MASK
    if outer == CE and not inner.all():
        return False
    marks = np.array([mark or 0 for mark in _MARKED[outer]], np.uint32)[inner]
    after = before & np.uint32(0xFF & ~(MASK << shift)) | marks << shift
    rows[:, 1] = after
    if is_ipv4:
        field = rows[:, 10].astype(np.uint32) << 8 | rows[:, 11]
        field = _mend(field, before, after)
        rows[:, 10] = field >> 8
        rows[:, 11] = field & 0xFF
    return True


def _mend(checksum: Any, before: Any, after: Any) -> Any:
    """A header checksum after its second octet has changed (RFC 1624 §3, equation 3): a number, or a
    column of them.
    """
    sum = (0xFFFF - checksum) + (0xFFFF - before) + after
    sum = (sum & 0xFFFF) + (sum >> 16)
    sum = (sum & 0xFFFF) + (sum >> 16)
    return 0xFFFF - sum
