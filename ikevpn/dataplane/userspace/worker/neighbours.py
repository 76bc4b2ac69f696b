"""What came to one worker and belongs to another, ESP, AH and words of routers: handed over, and bounded.

It happens where the kernel could not steer: it joins datagrams of one size that a peer sends, whatever their SPIs, and
its table of SPIs has an end. The control process says which SPIs are elsewhere; it never sees the packets.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence

from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.address import Address

BUFFER_SIZE = 1 << 20
SILENCE_S = 0.2
MOST_TOLD = 64  # in that time
_QUOTED = 12  # octets of what a router quotes that tell one word of it from another: an SPI is among them
MOST_OCTETS = 64 * 1024  # of packets in a message; each alone is smaller

_SO_SNDBUFFORCE = 32


def open_inbox() -> tuple[socket.socket, socket.socket]:
    """The end for the worker that reads and the end for all the others. Raises OSError."""
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    with contextlib.suppress(PermissionError):
        writing.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, BUFFER_SIZE)
    return reading, writing


class Neighbours:
    """The inboxes of the other workers."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._inboxes: dict[int, socket.socket] = {}
        self._told: dict[tuple[Address, int, bytes], float] = {}  # by peer, size and what is quoted, when

    def use(self, worker: int, end: socket.socket) -> None:
        """Reach a worker through this end from now on."""
        self._inboxes[worker] = end

    def tell(self, error: TooBig, now: float) -> None:
        """All others what a router said, which anybody may have been: the same seldom, and little in all.

        Who has no room misses it, and hears of the next one.
        """
        about = (error.remote, error.mtu, error.quote[:_QUOTED])
        self._told = {each: at for each, at in self._told.items() if now - at < SILENCE_S}
        if about in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told[about] = now
        for end in self._inboxes.values():
            with contextlib.suppress(OSError):
                channel.send(end, error)

    def hand_over(self, worker: int, arrival: Arrival) -> None:
        """What its inbox has no room for is dropped and counted."""
        path, packets, ecn = arrival
        end = self._inboxes.get(worker)
        for part in _portions(packets):
            try:
                if end is None:
                    raise OSError
                where = (path.local, path.remote, path.encapsulation, path.protocol)
                channel.send(end, message.Handed(*where, tuple(part), ecn))
                self._stats.add("handed-over", len(part))
            except OSError:
                self._stats.lose(Drop.QUEUE_FULL, len(part))


class InboxReceiver:
    """Reads our own inbox. What routers say goes to `told`."""

    def __init__(self, end: socket.socket, told: Callable[[TooBig], None]) -> None:
        self._end = end
        self._told = told

    def fileno(self) -> int:
        return self._end.fileno()

    def read_batch(self, limit: int) -> list[Arrival]:
        """`limit` packets, or some more where the last come in one message; empty where there are none."""
        arrivals: list[Arrival] = []
        count = 0
        with contextlib.suppress(BlockingIOError):
            while count < limit and (received := channel.receive(self._end)) is not None:
                if isinstance(received.value, TooBig):
                    self._told(received.value)
                    count += 1
                    continue
                handed: message.Handed = received.value
                path = Path(handed.local, handed.remote, handed.encapsulation, handed.protocol)
                arrivals.append(Arrival(path, handed.packets, handed.ecn))
                count += len(handed.packets)
        return arrivals

    def lost(self) -> int:
        """None: who could not write has counted them."""
        return 0


def _portions(packets: Sequence[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    octets = 0
    for packet in packets:
        if part and octets + len(packet) > MOST_OCTETS:
            yield part
            part, octets = [], 0
        part.append(packet)
        octets += len(packet)
    if part:
        yield part
