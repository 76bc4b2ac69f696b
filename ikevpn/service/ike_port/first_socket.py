"""The second socket of an address of the IKE port: what names no cookie of ours waits in a queue of its own, so that a
flood of first messages takes no place of those who have heard from us. A program in the kernel tells them apart.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from ikevpn.dataplane.kernel import socket_filter
from ikevpn.dataplane.kernel.socket_filter import Instruction
from ikevpn.wire.octets import limits

AT_ONCE = 64
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_COOKIE_R = 8
PROGRAM: tuple[Instruction, ...] = (
    (_LOAD, 0, 0, _COOKIE_R),  # what is shorter goes to the first socket
    (_IF_EQUAL, 0, 3, 0),
    (_LOAD, 0, 0, _COOKIE_R + 4),
    (_IF_EQUAL, 0, 1, 0),
    (_RETURN, 0, 0, 1),
    (_RETURN, 0, 0, 0),
)
"""Chooses the socket by its place: the second where both words of the responder's cookie are zero."""
_log = logging.getLogger(__name__)


def steer(known: socket.socket, first: socket.socket) -> bool:
    """Whether the kernel tells them apart; they were bound in this order. `first` has nothing to read where not."""
    try:
        socket_filter.attach_to_port(known, PROGRAM)
    except OSError as error:
        _log.warning("the kernel does not part first messages from others on the IKE port: %s", error.strerror)
        return False
    return True


class FirstSocket:
    """Reads `end` in small batches. `received` takes a datagram and where it came from."""

    def __init__(self, end: socket.socket, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._end = end
        self._received = received
        self._room = bytearray(limits.FIRST_MESSAGE + 1)  # one more octet shows that it is too long
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._read)

    def _read(self) -> None:
        for _ in range(AT_ONCE):
            try:
                size, source = self._end.recvfrom_into(self._room)
            except OSError:
                return
            self._received(bytes(memoryview(self._room)[:size]), source)

    def close(self) -> None:
        """Stop reading, and close it."""
        self._loop.remove_reader(self._end)
        self._end.close()
