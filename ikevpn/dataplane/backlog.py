"""A queue of events that can neither grow without end nor lose what IKE must know.

IKE retransmits, so its datagrams (and reports of unknown SPIs) may be lost, oldest first. Acquire, expire and mapping
happen once; they are bounded by the number of SAs and policies and always kept.
"""

from __future__ import annotations

from collections import deque

from ikevpn.dataplane.interface import DataPlaneEvent, IkeDatagram, UnknownSpi

_LOSABLE = (IkeDatagram, UnknownSpi)


class Backlog:
    """First in, first out; at most `limit` events that may be lost."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._events: deque[DataPlaneEvent] = deque()
        self._losable = 0
        self.lost = 0

    def __len__(self) -> int:
        return len(self._events)

    def push(self, event: DataPlaneEvent) -> None:
        """Append; where the bound is reached, the oldest event that may be lost goes first."""
        if isinstance(event, _LOSABLE):
            if self._losable >= self._limit:
                self._lose_oldest()
            self._losable += 1
        self._events.append(event)

    def first(self) -> DataPlaneEvent:
        """The oldest event, left in place; raises IndexError where there is none."""
        return self._events[0]

    def pop(self) -> DataPlaneEvent:
        """The oldest event; raises IndexError where there is none."""
        event = self._events.popleft()
        self._losable -= isinstance(event, _LOSABLE)
        return event

    def _lose_oldest(self) -> None:
        victim = next(index for index, event in enumerate(self._events) if isinstance(event, _LOSABLE))
        del self._events[victim]
        self._losable -= 1
        self.lost += 1
