"""How many packets the kernel has dropped because nobody read a socket fast enough. Asks; counts nothing itself."""

from __future__ import annotations

import socket
import struct

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
