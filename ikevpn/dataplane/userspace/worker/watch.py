"""What the worker waits for: descriptors with their readers, and how much each may read in a turn.

As a rule that is its batch. The first time after a rest it is one packet: on a quiet line packets come alone, and to
ask for a second one costs more than to come back for it.

Where somebody has read a whole batch of packets, more are waiting, and others have the processor before the next turn:
processes that what came is for may be waiting for this very one, and the buffers of their sockets are soon full.

Some readers are patient, those of what nobody vouches for. Where a flood came to them, each turn would bring a batch of
it, and the machine would do little else. So after a batch of one of them all of them pause for some times as long as it
took, as long as others have something to read; a flood that comes alone is read without pauses.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf

Reader = Callable[[int, float], int]
"""Takes how many packets it may read, and the time in monotonic seconds; gives how many there were."""

PATIENCE = 9  # how many times as long as its batch a pause is: one part in ten of the time
LONGEST_PAUSE_S = 0.05  # the machine may have stood still meanwhile
REST_S = 0.001


@dataclass(slots=True)
class _Watched:
    reader: Reader
    batch: int
    patient: bool
    read_at: float = -inf


class Watch:
    """`clock` gives monotonic seconds; `give_way` lets others have the processor."""

    def __init__(self, clock: Callable[[], float], give_way: Callable[[], None] = os.sched_yield) -> None:
        self._clock = clock
        self._give_way = give_way
        self._epoll = select.epoll()
        self._readers: dict[int, _Watched] = {}
        self._writers: set[int] = set()
        self._rested_at = -inf
        self._others_read = False  # since somebody patient did
        self._has_more = False
        self._pause_ends: float | None = None

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._readers

    def __len__(self) -> int:
        return len(self._readers)

    def call(self, descriptor: int) -> None:
        """Wake up for it, and leave its reading to the caller of `wait`."""
        self._epoll.register(descriptor, select.EPOLLIN)

    def add(self, descriptor: int, reader: Reader, batch: int, *, patient: bool = False) -> None:
        """Have `batch` packets read whenever it is ready."""
        self._readers[descriptor] = watched = _Watched(reader, batch, patient)
        if not self._pauses(watched):
            self._epoll.register(descriptor, select.EPOLLIN)

    def remove(self, descriptor: int) -> None:
        """What was added, before it is closed; a device that is gone too, since it would be ready forever."""
        if not self._pauses(self._readers.pop(descriptor)):
            self._epoll.unregister(descriptor)

    def wants_room(self, descriptor: int, wanted: bool) -> None:
        """Whether it counts as ready, too, when there is room to write."""
        if wanted is not (descriptor in self._writers):
            self._writers ^= {descriptor}
            self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN)

    def wait(self, due: float | None) -> tuple[Collection[int], float]:
        """What is ready, and the time; waits until something is, or until `due`."""
        if self._has_more:
            self._has_more = False
            self._give_way()
        ends = self._pause_ends
        if ends is not None:
            due = ends if due is None else min(due, ends)
        begun = self._clock()
        ready = dict(self._epoll.poll(None if due is None else max(0.0, due - begun)))
        now = self._clock()
        if now - begun >= REST_S:
            self._rested_at = now
        if ends is not None and ends <= now:
            self._pause_ends = None
            for descriptor in self._patient():
                self._epoll.register(descriptor, select.EPOLLIN)
        return ready, now

    def read(self, descriptor: int, now: float) -> bool:
        """Let it be read, if it was not removed since it was ready; whether it was one that need not be patient."""
        watched = self._readers.get(descriptor)
        if watched is None or self._pauses(watched):
            return False
        if watched.patient:
            self._read_patiently(watched, now)
            return False
        limit = 1 if watched.read_at < self._rested_at else watched.batch
        watched.read_at = now
        self._others_read = True
        if watched.reader(limit, now) >= watched.batch:
            self._has_more = True
        return True

    def _read_patiently(self, watched: _Watched, now: float) -> None:
        watched.read_at = now
        begun = self._clock()
        watched.reader(watched.batch, now)
        if self._others_read:
            self._others_read = False
            ended = self._clock()
            for descriptor in self._patient():
                self._epoll.unregister(descriptor)
            self._pause_ends = ended + min(PATIENCE * (ended - begun), LONGEST_PAUSE_S)

    def _pauses(self, watched: _Watched) -> bool:
        return watched.patient and self._pause_ends is not None

    def _patient(self) -> list[int]:
        """In the order in which it is their turn: registered first, they are ready first."""
        patient = [(watched.read_at, descriptor) for descriptor, watched in self._readers.items() if watched.patient]
        return [descriptor for _, descriptor in sorted(patient)]
