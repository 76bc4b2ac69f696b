"""Hands programs for the kernel's packet filter to sockets; what a program says is its writer's business."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Sequence

LONGEST_PROGRAM = 4096  # BPF_MAXINSNS
Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand

EACH, _WHOLE_PORT = 26, 51  # SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("HP")


def attach_to_port(end: socket.socket, program: Sequence[Instruction]) -> None:
    """Let the program choose among all sockets that were bound to the port of this one. Raises OSError."""
    attach(end, _WHOLE_PORT, program)


def attach(end: socket.socket, option: int, program: Sequence[Instruction]) -> None:
    """Let the program, of `option`, judge what comes to the socket. Raises OSError."""
    if len(program) > LONGEST_PROGRAM:
        raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
    octets = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in program))
    end.setsockopt(socket.SOL_SOCKET, option, _PROGRAM.pack(len(program), ctypes.addressof(octets)))
