"""What the worker waits for: descriptors with their readers, and those of them that have to be patient.

The patient ones are what nobody vouches for. Where a flood came to them, each turn would bring a batch of it, and the
machine would do little else. So whoever is patient pauses after a batch for some times as long as that took, as long as
others have something to read; a flood that comes alone is read without pauses.
"""

from __future__ import annotations

import select
from collections.abc import Callable

Reader = Callable[[float], None]
"""Takes the time in monotonic seconds, and reads one bounded batch."""

PATIENCE = 9  # how many times as long as its batch a pause is: one part in ten of the time


class Watch:
    """`clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._epoll = select.epoll()
        self._writers: set[int] = set()
        self._readers: dict[int, Reader] = {}
        self._patient: set[int] = set()
        self._pauses: dict[int, float] = {}  # when they end
        self._others_read = False  # since somebody patient did

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._readers

    def __len__(self) -> int:
        return len(self._readers)

    def add(self, descriptor: int, reader: Reader, *, patient: bool = False) -> None:
        """Have it read whenever it is ready."""
        self._readers[descriptor] = reader
        if patient:
            self._patient.add(descriptor)
        self._epoll.register(descriptor, select.EPOLLIN)

    def remove(self, descriptor: int) -> None:
        """Before it is closed, but for devices that are gone."""
        del self._readers[descriptor]
        self._patient.discard(descriptor)
        if self._pauses.pop(descriptor, None) is None:
            self._epoll.unregister(descriptor)

    def wants_room(self, descriptor: int, wanted: bool) -> None:
        """Whether it counts as ready, too, when there is room to write."""
        if wanted is not (descriptor in self._writers):
            self._writers ^= {descriptor}
            self._epoll.modify(descriptor, select.EPOLLIN | select.EPOLLOUT if wanted else select.EPOLLIN)

    def wait(self, due: float | None) -> list[int]:
        """What is ready; waits until something is, or until `due`."""
        if self._pauses:
            ends = min(self._pauses.values())
            due = ends if due is None else min(due, ends)
        ready = self._epoll.poll(None if due is None else max(0.0, due - self._clock()))
        if self._pauses:
            self._end_pauses(self._clock())
        return [descriptor for descriptor, _ in ready]

    def read(self, descriptor: int, now: float) -> None:
        """Let it be read; nothing happens where it was removed since it was ready."""
        reader = self._readers.get(descriptor)
        if reader is None:
            return
        if descriptor not in self._patient:
            self._others_read = True
            reader(now)
            return
        begun = self._clock()
        reader(now)
        if self._others_read and descriptor in self._readers:
            self._others_read = False
            ended = self._clock()
            self._pauses[descriptor] = ended + PATIENCE * (ended - begun)
            self._epoll.unregister(descriptor)

    def _end_pauses(self, now: float) -> None:
        for descriptor in [descriptor for descriptor, end in self._pauses.items() if end <= now]:
            del self._pauses[descriptor]
            self._epoll.register(descriptor, select.EPOLLIN)
