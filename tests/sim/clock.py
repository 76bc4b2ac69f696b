"""Virtual time: a heap of things to do. It never looks at a real clock and never sleeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Clock:
    """Runs callbacks in order of time; equal times run in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Call `act` at `when`, or at once where that is in the past."""
        self._order += 1
        heapq.heappush(self._heap, (max(when, self.now), self._order, act))

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        self.at(self.now + delay_s, act)

    def run_until(self, end: float) -> None:
        """Everything that is due up to and including `end`, then `now` is `end`."""
        heap = self._heap
        while heap and heap[0][0] <= end:
            self.now, _, act = heapq.heappop(heap)
            act()
        self.now = max(self.now, end)
