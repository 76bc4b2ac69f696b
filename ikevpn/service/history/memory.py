"""Which events are remembered: the newest of all, and beside them the newest of every kind and the newest that matter
to every tunnel, so that what comes often does not wash away what comes once.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from ikevpn.model.events.event import Code, Event
from ikevpn.model.events.severity import Severity, severity


class Numbered(Protocol):
    """What is remembered."""

    @property
    def number(self) -> int: ...

    @property
    def event(self) -> Event: ...


R = TypeVar("R", bound=Numbered)
PER_CODE = 100
PER_TUNNEL = 8
_USUAL = frozenset((Code.RETRANSMITTED, Code.RETRY_LATER))


class Memory(Generic[R]):
    """Bounded by `newest`, by the number of codes and by that of tunnels; adding costs the same however full it is."""

    def __init__(self, newest: int) -> None:
        self._newest: deque[R] = deque(maxlen=newest)
        self._by_code: dict[Code, deque[R]] = {}
        self._by_tunnel: dict[str, deque[R]] = {}

    def add(self, record: R) -> None:
        """The newest record."""
        event = record.event
        self._newest.append(record)
        self._by_code.setdefault(event.code, deque(maxlen=PER_CODE)).append(record)
        if event.tunnel and event.code not in _USUAL and severity(event).reaches(Severity.WARNING):
            self._by_tunnel.setdefault(event.tunnel, deque(maxlen=PER_TUNNEL)).append(record)

    def last(self, count: int, tunnel: str = "", least: Severity = Severity.DEBUG) -> list[R]:
        """The newest `count` that are about `tunnel` (empty: all) and matter as much as `least`, oldest first."""
        if count <= 0:
            return []
        shelves = (self._newest, *self._by_code.values(), *self._by_tunnel.values())
        if tunnel:
            shelves = (self._newest, *self._by_code.values(), self._by_tunnel.get(tunnel, deque()))
        every = {record.number: record for shelf in shelves for record in shelf}
        chosen = [every[number] for number in sorted(every) if _fits(every[number].event, tunnel, least)]
        return chosen[-count:]


def _fits(event: Event, tunnel: str, least: Severity) -> bool:
    return (not tunnel or event.tunnel == tunnel) and severity(event).reaches(least)
