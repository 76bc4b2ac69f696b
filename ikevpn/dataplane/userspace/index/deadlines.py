"""Who is due next, among many: a heap, whose work for one of them does not grow with the others.

An entry that was changed or deleted stays in the heap until its old time comes to the top; there are never more of
those than of the others.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Deadlines(Generic[K]):
    """One deadline for each key. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._current: dict[K, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = count()  # keys need not be comparable
        self.next: float | None = None

    def __contains__(self, key: K) -> bool:
        return key in self._current

    def __len__(self) -> int:
        return len(self._current)

    def set(self, key: K, deadline: float) -> None:
        """From now on the key is due then, and not before."""
        number = next(self._numbers)
        self._current[key] = (deadline, number)
        heapq.heappush(self._heap, (deadline, number, key))
        self._tidy()

    def delete(self, key: K) -> None:
        """The key is due no more; nothing happens where it was not."""
        if self._current.pop(key, None) is not None:
            self._tidy()

    def due(self, now: float) -> list[K]:
        """The keys whose time has come, in the order of their times; they are due no more."""
        found: list[K] = []
        while self.next is not None and self.next <= now:
            _, _, key = heapq.heappop(self._heap)
            del self._current[key]
            found.append(key)
            self._tidy()
        return found

    def _tidy(self) -> None:
        heap = self._heap
        if len(heap) > 2 * len(self._current) + 16:
            heap[:] = [(deadline, number, key) for key, (deadline, number) in self._current.items()]
            heapq.heapify(heap)
        while heap and self._current.get(heap[0][2]) != heap[0][:2]:
            heapq.heappop(heap)
        self.next = heap[0][0] if heap else None
