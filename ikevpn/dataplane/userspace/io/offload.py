"""UDP_GRO and UDP_SEGMENT: many datagrams of one size in one system call (Linux 4.18 and 5.0)."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Iterable, Iterator
from functools import cache

from ikevpn.dataplane.userspace.io.pktinfo import Ancillary
from ikevpn.dataplane.userspace.packet.run import Octets, Run

_UDP_SEGMENT, _UDP_GRO = 103, 104
_SIZE = struct.Struct("=H")
_MOST_SEGMENTS = 64  # UDP_MAX_SEGMENTS of older kernels
_MOST_OCTETS = 65_535 - 40 - 8  # one IP packet of either version has to hold them all

_log = logging.getLogger(__name__)


def receive_together(end: socket.socket) -> None:
    """Let the kernel hand over datagrams of one size together, where it can."""
    try:
        end.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
    except OSError:
        tell_once("UDP sockets of this kernel hand over datagrams one by one (Linux 5.0 does better)")


@cache
def tell_once(sentence: str) -> None:
    """Tell people what is slower here than it could be."""
    _log.info(sentence)


def read(ancillary: Iterable[Ancillary]) -> int:
    """The size of the datagrams that came together, 0 where there is but one."""
    for level, kind, content in ancillary:
        if (level, kind) == (socket.IPPROTO_UDP, _UDP_GRO):
            return int.from_bytes(content[:4], "little" if struct.pack("=H", 1)[0] else "big")
    return 0


def write(size: int) -> Ancillary:
    """The ancillary data that makes the kernel cut what is sent into datagrams of `size`."""
    return (socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE.pack(size))


def portions(run: Run) -> Iterator[tuple[list[Octets], int]]:
    """Parts of a run that the kernel takes in one call, each with the number of datagrams in it; as even as can be."""
    size, count = run.size, len(run.rows)
    most = max(1, min(_MOST_SEGMENTS, _MOST_OCTETS // size))
    total = len(run)
    calls = -(-total // most)
    step = -(-total // calls)
    flat = run.rows.reshape(-1).data
    for start in range(0, total, step):
        end = min(start + step, total)
        pieces: list[Octets] = [flat[start * size : min(end, count) * size]] if start < count else []
        if end > count:
            pieces.append(run.tail)
        yield pieces, end - start
