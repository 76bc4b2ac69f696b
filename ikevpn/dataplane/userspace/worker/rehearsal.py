"""Keeps the processor's caches warm while packets come one by one.

A packet that comes after some milliseconds of sleep finds the caches full of other things, and its way through an
interpreter takes ten times as long as it would in a crowd. So as long as packets come, but not often enough to keep
their way warm themselves, the worker sends one to itself now and then: through a tunnel of its own with a key that
nobody has, from a socket pair in the place of a device, over loopback to a socket that is connected to itself. It costs
some hundredths of a core while packets come, so it is a choice: only a worker that is given the ends for it does it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple, Protocol, Self

from ikevpn.dataplane.userspace.io import udp
from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, Policy, Sa, SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.wire import registry
from ikevpn.wire.registry import EspCipher, Integrity

TOGETHER_S = 0.25  # packets that are further apart come too seldom to be worth it
PERIOD_S = 0.002
AGAIN_S = 60.0
LEAST_PAUSE = 5  # times as long as a rehearsal took, so that it is a sixth of a processor at the very most

_DEVICE = "rehearsal"
_LOOPBACK = Endpoint.of("127.0.0.1", 0)
_KEY = 16 + 4  # with its salt
_PING = bytes.fromhex("45000054000040004001000001010101010101020800000000000000") + bytes(56)


class Rehearsal:
    """When to play. `prepare` is called once it is needed, and gives what plays and says whether that worked."""

    def __init__(self, prepare: Callable[[], Callable[[], bool]], clock: Callable[[], float]) -> None:
        self._prepare = prepare
        self._clock = clock
        self._play: Callable[[], bool] | None = None
        self._pause_s = PERIOD_S
        self._not_before = -inf
        self._last = -inf
        self._together = False
        self.played = 0
        self.next_timer: float | None = None  # when `timer` has work to do, if nothing else happens

    def packets(self, now: float) -> None:
        """Real ones came or went."""
        gap_s = now - self._last
        if gap_s >= PERIOD_S:  # else it is the answer to the last one
            self._together = gap_s < TOGETHER_S
        self._last = now
        self.next_timer = now + self._pause_s if self._together and now >= self._not_before else None

    def timer(self, now: float) -> None:
        """Play, or stop because no more packets came; where it does not work it is tried again much later."""
        self.next_timer = None
        if now - self._last >= TOGETHER_S:
            return
        begun = self._clock()
        works = self._does_work()
        ended = self._clock()
        if works:
            self.played += 1
            self._pause_s = max(PERIOD_S, LEAST_PAUSE * (ended - begun))
            self.next_timer = ended + self._pause_s
        else:
            self._not_before = ended + AGAIN_S

    def _does_work(self) -> bool:
        try:
            if self._play is None:
                self._play = self._prepare()
            return self._play()
        except Exception:  # no loopback, or a library that lacks something: nobody depends on it
            return False


class Player(Protocol):
    """A worker that is told what to do by whoever holds the other end of its channel."""

    def turn(self, *, waits: bool) -> None: ...


class Ends(NamedTuple):
    """What a stage needs of the system: opened by the control process, for a worker may not open anything."""

    outside: socket.socket
    channel: tuple[socket.socket, socket.socket]
    device: tuple[socket.socket, socket.socket]

    @classmethod
    def open(cls) -> Self | None:
        """None where there is no loopback."""
        try:
            outside = _deaf_socket()
        except OSError:
            return None
        # Of a kind that is connected for good: by one that is not, names outside the empty root could be reached.
        kind = socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK
        return cls(outside, socket.socketpair(socket.AF_UNIX, kind), socket.socketpair(socket.AF_UNIX, kind))

    @classmethod
    def of(cls, descriptors: Sequence[int]) -> Self:
        """As they came with `message.UseRehearsal`; they belong to the ends from now on."""
        outside, ours, theirs, host, device = (socket.socket(fileno=descriptor) for descriptor in descriptors)
        return cls(outside, (ours, theirs), (host, device))

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """In the order in which their descriptors travel."""
        return (self.outside, *self.channel, *self.device)

    def close(self) -> None:
        for each in self.sockets:
            each.close()


class Stage:
    """A worker whose only tunnel leads back to itself. To be made once of the same ends."""

    def __init__(self, worker: Callable[[socket.socket], Player], ends: Ends) -> None:
        outside = ends.outside
        self._channel = ours, theirs = ends.channel
        self._worker = worker(theirs)
        self._host, device = ends.device
        where = Endpoint.of(*outside.getsockname())
        with device, outside:
            channel.send(ours, message.UseDevice(_DEVICE, joins_udp=False), [device.fileno()])
            channel.send(ours, message.UseUdp(where, receive=True), [outside.fileno()])
            for command in _tunnel(where):
                channel.send(ours, command)
            self._worker.turn(waits=False)
        self._is_under_way = False

    def play(self) -> bool:
        """One half of a packet's way, outward and inward by turns; whether it got so far."""
        self._is_under_way = not self._is_under_way
        if self._is_under_way:
            self._host.send(_PING)
            self._worker.turn(waits=False)
            return True
        self._worker.turn(waits=False)
        with contextlib.suppress(BlockingIOError):
            return self._host.recv(len(_PING)) == _PING
        return False


def _deaf_socket() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        udp.prepare(end)
        end.bind((str(_LOOPBACK.address), _LOOPBACK.port))
        end.connect(end.getsockname())
    except OSError:
        end.close()
        raise
    return end


def _tunnel(where: Endpoint) -> Sequence[message.AddPolicy | message.AddSa]:
    everything = Selector(AddressRange.everything(4), AddressRange.everything(4))
    algorithms = Algorithms(EspCipher.AES_GCM_16, 128, Integrity.NONE, Secret(os.urandom(_KEY)), Secret(b""))
    sas = (
        Sa(
            direction=direction, spi=256, reqid=1, tunnel=_DEVICE, protocol=registry.Protocol.ESP, mode=SaMode.TUNNEL,
            local=where, remote=where, encapsulation=Encapsulation.UDP, algorithms=algorithms, selectors=(everything,),
        )
        for direction in Direction
    )  # fmt: skip
    policy = Policy(selector=everything, device=_DEVICE, reqid=1, tunnel=_DEVICE)
    return (message.AddPolicy(policy), *map(message.AddSa, sas))
