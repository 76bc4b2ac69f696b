"""Named timers with one next deadline. Setting a timer again moves it; nothing here reads a clock."""

from __future__ import annotations

import heapq
from enum import StrEnum
from typing import NamedTuple


class TimerKind(StrEnum):
    """What is due."""

    RETRANSMIT = "retransmit"
    HALF_OPEN = "half-open"
    FORGET = "forget"
    IKE_REKEY = "ike-rekey"
    IKE_EXPIRE = "ike-expire"
    IKE_RETIRE = "ike-retire"
    DPD = "dpd"
    DPD_DECIDE = "dpd-decide"
    CHILD_REKEY = "child-rekey"
    CHILD_EXPIRE = "child-expire"
    CHILD_RETIRE = "child-retire"


class Timer(NamedTuple):
    """`owner` is the serial number of an IKE SA or of a child; `detail` a message id where there are several."""

    kind: TimerKind
    owner: int
    detail: int = 0


class Timers:
    """A heap with lazy deletion: an entry counts only while it agrees with `_deadlines`."""

    def __init__(self) -> None:
        self._deadlines: dict[int, dict[Timer, float]] = {}  # by owner
        self._heap: list[tuple[float, Timer]] = []

    def __len__(self) -> int:
        return sum(map(len, self._deadlines.values()))

    def set(self, timer: Timer, at: float) -> None:
        """(Re)arm a timer."""
        self._deadlines.setdefault(timer.owner, {})[timer] = at
        heapq.heappush(self._heap, (at, timer))

    def cancel(self, timer: Timer) -> None:
        """Forget a timer; fine where it is not set."""
        owned = self._deadlines.get(timer.owner)
        if owned and owned.pop(timer, None) is not None and not owned:
            del self._deadlines[timer.owner]

    def cancel_owner(self, owner: int) -> None:
        """Forget all timers of an IKE SA or child."""
        self._deadlines.pop(owner, None)

    def at(self, timer: Timer) -> float | None:
        """When a timer is due, if it is set."""
        return self._deadlines.get(timer.owner, {}).get(timer)

    def next(self) -> float | None:
        """The earliest deadline."""
        while self._heap:
            at, timer = self._heap[0]
            if self.at(timer) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Timer | None:
        """Take one timer whose time has come."""
        at = self.next()
        if at is None or at > now:
            return None
        _, timer = heapq.heappop(self._heap)
        self.cancel(timer)
        return timer
