"""A queue of events that can neither grow without end nor lose what IKE must know.

IKE retransmits, so its datagrams (and reports of unknown SPIs) may be lost, oldest first. Acquire and expire happen
once; they are bounded by the number of SAs and policies and always kept. A peer may move as often as it likes: only the
way from where IKE knows it to where it is now is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace
from itertools import count

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Mapping, UnknownSpi

_LOSABLE = (IkeDatagram, UnknownSpi)


class Backlog:
    """First in, first out; at most `limit` events that may be lost, and one mapping of an SA."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self.events: OrderedDict[Hashable, DataPlaneEvent] = OrderedDict()  # oldest first
        self._numbers = count()
        self._losable: OrderedDict[Hashable, None] = OrderedDict()  # oldest first
        self.lost = 0

    def push(self, event: DataPlaneEvent) -> None:
        """Append; where the bound is reached, the oldest event that may be lost goes first."""
        if isinstance(event, Mapping):
            self._push_mapping(event)
            return
        number = next(self._numbers)
        if isinstance(event, _LOSABLE):
            if len(self._losable) >= self._limit:
                self._lose_oldest()
            self._losable[number] = None
        self.events[number] = event

    def first(self) -> DataPlaneEvent:
        """The oldest event, left in place; raises IndexError where there is none."""
        if not self.events:
            raise IndexError("no event")
        return next(iter(self.events.values()))

    def pop(self) -> DataPlaneEvent:
        """The oldest event; raises IndexError where there is none."""
        event = self.first()
        key, _ = self.events.popitem(last=False)
        self._losable.pop(key, None)
        return event

    def _push_mapping(self, event: Mapping) -> None:
        """Takes the place of an earlier one of the same SA, but behind what other SAs reported in between."""
        key = (event.reqid, event.spi)
        earlier = self.events.pop(key, None)
        self.events[key] = replace(event, old=earlier.old) if isinstance(earlier, Mapping) else event

    def _lose_oldest(self) -> None:
        victim, _ = self._losable.popitem(last=False)
        del self.events[victim]
        self.lost += 1
