"""What control process and launcher say to each other: one record a message, and the channel of a worker beside it."""

from __future__ import annotations

import array
import enum
import socket
import struct
from typing import NamedTuple

_RECORD = struct.Struct("=Bii")
_MOST_DESCRIPTORS = 1


class Kind(enum.IntEnum):
    """Of the control process: START with a descriptor, KILL with a process id. Of the launcher: the others."""

    START = 1
    KILL = 2
    STARTED = 3
    FAILED = 4  # with the system's number of the error as status
    ENDED = 5  # with an exit status, or the number of a signal below 0


class ChildMessage(NamedTuple):
    """A message and the descriptors that came with it; the receiver must close them."""

    kind: Kind
    pid: int
    status: int
    descriptors: tuple[int, ...]


def write(end: socket.socket, kind: Kind, pid: int = 0, status: int = 0, descriptors: tuple[int, ...] = ()) -> None:
    """Raises OSError."""
    beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([_RECORD.pack(kind, pid, status)], beside)


def read(end: socket.socket) -> ChildMessage | None:
    """None where the other end is gone, or says what no message is; raises BlockingIOError where there is none."""
    try:
        data, descriptors, _, _ = socket.recv_fds(end, _RECORD.size, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    except BlockingIOError:
        raise
    except OSError:
        return None
    try:
        kind, pid, status = _RECORD.unpack(data)
        return ChildMessage(Kind(kind), pid, status, tuple(descriptors))
    except (struct.error, ValueError):
        return None
