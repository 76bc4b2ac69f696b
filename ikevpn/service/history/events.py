"""What happened lately, and who wants to hear of it. History and queues are bounded: a slow reader loses events and is
told how many.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ikevpn.control import api
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Event
from ikevpn.model.events.severity import Severity, severity
from ikevpn.service.history.memory import Memory

REMEMBERED = 2000
QUEUED = 500


@dataclass(frozen=True, slots=True)
class Record:
    """An event with its place in the order of things. `time` is seconds since 1970."""

    number: int
    time: float
    event: Event

    def line(self) -> api.EventLine:
        """The record as the control protocol says it."""
        event = self.event
        return api.EventLine(
            number=self.number,
            time=self.time,
            code=event.code.value,
            tunnel=event.tunnel,
            reason=event.reason.value,
            severity=severity(event).value,
            sentence=reasons.sentence(event),
            advice=reasons.advice(event),
            facts=dict(event.facts),
        )


class History:
    """All events pass through `add`. Listeners are called at once and in order; subscribers read at their own pace."""

    def __init__(self, remembered: int = REMEMBERED, clock: Callable[[], float] = time.time) -> None:
        self._records = Memory[Record](remembered)
        self._listeners: list[Callable[[Record], None]] = []
        self._clock = clock
        self._count = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, event: Event) -> None:
        """Remember an event and tell everyone."""
        self._count += 1
        self._counts[event.code.value, event.tunnel] += 1
        record = Record(self._count, self._clock(), event)
        self._records.add(record)
        for listener in tuple(self._listeners):
            listener(record)

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How often each code came for each tunnel, those included that are no longer remembered."""
        return self._counts

    def last(self, count: int, tunnel: str = "", least: Severity = Severity.DEBUG) -> list[Record]:
        """The newest `count` records that matter as much as `least`, oldest first."""
        return self._records.last(count, tunnel, least)

    def listen(self, listener: Callable[[Record], None]) -> Callable[[], None]:
        """Call `listener` for every event from now on; returns a function that ends this."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def subscribe(self, tunnel: str = "", queued: int = QUEUED) -> Subscription:
        """A stream of events from now on."""
        return Subscription(self, tunnel, queued)


class Subscription:
    """A bounded queue of records; use it as a context manager and iterate asynchronously."""

    def __init__(self, history: History, tunnel: str, queued: int) -> None:
        self._tunnel = tunnel
        self._queue: asyncio.Queue[Record] = asyncio.Queue(queued)
        self._lost = 0
        self._leave = history.listen(self._hear)

    def _hear(self, record: Record) -> None:
        if self._tunnel and record.event.tunnel != self._tunnel:
            return
        try:
            self._queue.put_nowait(record)
        except asyncio.QueueFull:
            self._lost += 1

    def close(self) -> None:
        """Stop listening."""
        self._leave()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def waiting(self) -> list[Record]:
        """Take all that is queued, without waiting."""
        taken = []
        while not self._queue.empty():
            taken.append(self._queue.get_nowait())
        return taken

    def lost(self) -> int:
        """How many events did not fit since the last call."""
        lost, self._lost = self._lost, 0
        return lost

    async def next(self) -> Record:
        """Wait for a record."""
        return await self._queue.get()

    async def until(self, end: asyncio.Future[Any]) -> AsyncIterator[Record]:
        """Records until `end` is done, and then those that are still queued."""
        while not end.done():
            getting = asyncio.ensure_future(self._queue.get())
            try:
                await asyncio.wait((getting, end), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not getting.done():
                    getting.cancel()
            if getting.done():
                yield getting.result()
        for record in self.waiting():
            yield record
