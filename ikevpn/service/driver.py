"""Drives the engine: hands it datagrams, commands, data plane events and time, and its effects to `perform`. Keeps its
one timer.

Whatever goes wrong inside while a peer's datagram is worked on is logged and counted; it ends no task and no daemon.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable

from ikevpn.dataplane.interface.data_plane import DataPlane
from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Expire, Mapping, UnknownSpi
from ikevpn.errors import HostError
from ikevpn.ike.engine import Engine
from ikevpn.ike.state.effects import Effect
from ikevpn.ike.values.question import Answer, Ticket
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, SaUse
from ikevpn.service.ike_port.first_messages import First, FirstMessages, is_first
from ikevpn.service.ike_port.icmp_errors import IcmpError

NON_IKE_MARKER = bytes(8)
"""In front of ESP on the IKE port (drafts 00 and 01 of NAT traversal)."""
_log = logging.getLogger(__name__)

Perform = Callable[[Iterable[Effect]], None]


class Driver:
    """The engine among clock, sockets and data plane. `perform` is set by whoever puts all together."""

    def __init__(self, engine: Engine, plane: DataPlane) -> None:
        self.engine = engine
        self._counters: Counter[str] = Counter()
        self.perform: Perform = lambda effects: None
        self._plane = plane
        self._timer: asyncio.TimerHandle | None = None
        self._queries: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._first = FirstMessages(self._admit, engine.names, random.SystemRandom().randrange)

    @property
    def counters(self) -> Counter[str]:
        """What came and was of no use, and what had to give way."""
        return self._counters + self._first.counters

    @property
    def now(self) -> float:
        """The engine's time."""
        return self._loop.time()

    def run(self, command: Callable[[float], Iterable[Effect]]) -> None:
        """Give the engine an input and carry out what it wants; errors of ours go to the caller."""
        try:
            self.perform(command(self.now))
        finally:
            self._wind()

    def shielded(self, command: Callable[[float], Iterable[Effect]]) -> None:
        """The same for inputs that others send: an error is logged, not raised."""
        try:
            self.run(command)
        except Exception:
            self._counters["internal-error"] += 1
            _log.exception("an input was not processed to its end")

    # What comes in

    def received(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """A datagram on the IKE port. What looks like ESP troubles the data plane only where a peer sends it so."""
        if data.startswith(NON_IKE_MARKER):
            if not self.engine.takes_marked_esp(remote):
                self._counters["esp-unexpected"] += 1
                return
            self._plane.esp_datagram(data[len(NON_IKE_MARKER) :], local, remote)
            return
        self._take(First(data, local, remote, natt=False))

    def received_natt(self, event: IkeDatagram) -> None:
        """A datagram behind the non-ESP marker."""
        self._take(First(event.data, event.local, event.remote, natt=True))

    def _take(self, arrived: First) -> None:
        """At once what names a cookie, be it ours or not; what names none waits its turn."""
        if is_first(arrived.data):
            self._first.add(arrived)
        else:
            self._admit(arrived)

    def _admit(self, arrived: First) -> None:
        data, local, remote, natt = arrived
        self.shielded(lambda now: self.engine.datagram(data, local, remote, now, natt))

    def expired(self, event: Expire) -> None:
        self.shielded(lambda now: self.engine.expired(event.spi, event.direction, event.reqid, event.kind, now))

    def moved(self, event: Mapping) -> None:
        self.shielded(lambda now: self.engine.mapping(event.spi, event.new, now))

    def unknown_spi(self, event: UnknownSpi) -> None:
        self.shielded(lambda now: self.engine.unknown_spi(event.spi, event.local, event.remote, now))

    def unreachable(self, error: IcmpError) -> None:
        self.shielded(lambda now: self.engine.unreachable(error.local, error.remote, error.facts, now))

    def query(self, spis: tuple[int, ...]) -> None:
        """Ask the data plane how inbound SAs are used, and tell the engine."""
        task = self._loop.create_task(self._ask(spis))
        self._queries.add(task)
        task.add_done_callback(self._queries.discard)

    async def _ask(self, spis: tuple[int, ...]) -> None:
        try:
            uses = await self._plane.query(spis)
        except HostError:
            return  # the worker crashed, and its SAs are about to go
        found = {use.spi: use for use in uses if use.direction is Direction.IN}
        for spi in spis:
            self._tell(found.get(spi, SaUse(spi, Direction.IN)))

    def answer(self, ticket: Ticket, answer: Answer) -> None:
        """What an exchange has asked for."""
        self.shielded(lambda now: self.engine.answer(ticket, answer, now))

    def _tell(self, use: SaUse) -> None:
        self.shielded(lambda now: self.engine.sa_used(use, now))

    # Time

    def _wind(self) -> None:
        """Set the timer to the engine's next deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        when = self.engine.next_timer()
        if when is not None:
            self._timer = self._loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.shielded(self.engine.timer)

    async def close(self) -> None:
        """Stop the clock and wait for what is under way."""
        if self._timer is not None:
            self._timer.cancel()
        self._first.close()
        for task in self._queries:
            task.cancel()
        await asyncio.gather(*self._queries, return_exceptions=True)
