"""Named timers with one next deadline. Setting a timer again moves it; nothing here reads a clock."""

from __future__ import annotations

import heapq
from enum import StrEnum
from typing import NamedTuple

_SLACK = 256  # dead entries that are not worth clearing out


class TimerKind(StrEnum):
    """What is due."""

    RETRANSMIT = "retransmit"
    HALF_OPEN = "half-open"
    FORGET = "forget"
    ANSWER = "answer"
    IKE_REKEY = "ike-rekey"
    IKE_EXPIRE = "ike-expire"
    IKE_RETIRE = "ike-retire"
    FAREWELL = "farewell"
    DPD = "dpd"
    DPD_DECIDE = "dpd-decide"
    CHILD_REKEY = "child-rekey"
    CHILD_EXPIRE = "child-expire"
    CHILD_SWITCH = "child-switch"
    CHILD_RETIRE = "child-retire"


class Timer(NamedTuple):
    """`owner` is the serial number of an IKE SA or of a child; `detail` a message id where there are several."""

    kind: TimerKind
    owner: int
    detail: int = 0


class Timers:
    """A heap with lazy deletion: an entry counts only while it agrees with `_deadlines`, and the dead never outnumber
    the living by much."""

    def __init__(self) -> None:
        self._deadlines: dict[int, dict[Timer, float]] = {}  # by owner
        self._heap: list[tuple[float, Timer]] = []
        self._armed = 0

    def __len__(self) -> int:
        return self._armed

    def set(self, timer: Timer, at: float) -> None:
        """(Re)arm a timer."""
        owned = self._deadlines.setdefault(timer.owner, {})
        self._armed += timer not in owned
        owned[timer] = at
        heapq.heappush(self._heap, (at, timer))
        if len(self._heap) > 2 * self._armed + _SLACK:
            self._heap = [(at, timer) for owned in self._deadlines.values() for timer, at in owned.items()]
            heapq.heapify(self._heap)

    def cancel(self, timer: Timer) -> None:
        """Forget a timer; fine where it is not set."""
        owned = self._deadlines.get(timer.owner)
        if owned and owned.pop(timer, None) is not None:
            self._armed -= 1
            if not owned:
                del self._deadlines[timer.owner]

    def cancel_owner(self, owner: int) -> None:
        """Forget all timers of an IKE SA or child."""
        self._armed -= len(self._deadlines.pop(owner, ()))

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
