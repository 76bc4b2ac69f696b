"""What every socket of ours has in common: a mark on what leaves, and how many packets the kernel has dropped because
nobody read fast enough. Asks; counts nothing itself.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from ikevpn.model.own_mark import OWN_MARK

_SO_MEMINFO = 55  # Linux 4.12
_COUNTERS = struct.Struct("=9I")
_DROPS = 8


def lost(end: socket.socket) -> int:
    """Since the socket was opened; 0 where the kernel does not say. What came together counts once."""
    try:
        answer = end.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _COUNTERS.size)
    except OSError:
        return 0
    return int(_COUNTERS.unpack(answer)[_DROPS]) if len(answer) == _COUNTERS.size else 0


def mark_as_ours(end: socket.socket) -> socket.socket:
    """What leaves by this socket is led into no tunnel (see `model.own_mark`); without the privilege there are none."""
    with contextlib.suppress(PermissionError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, OWN_MARK)
    return end
