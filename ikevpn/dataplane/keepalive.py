"""When a NAT mapping needs an octet to stay open (RFC 3948 §4): only if nothing else was sent for the interval."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.model.address import Endpoint


@dataclass(slots=True)
class _Mapping:
    interval_s: float
    last_sent: float


class Keepalives:
    """One interval for each pair of endpoints."""

    def __init__(self) -> None:
        self._mappings: dict[tuple[Endpoint, Endpoint], _Mapping] = {}
        self._next: float | None = None

    def want(self, local: Endpoint, remote: Endpoint, interval_s: float, now: float) -> None:
        """Keep the mapping open; an interval of 0 ends it."""
        pair = (local, remote)
        if interval_s <= 0:
            self._mappings.pop(pair, None)
        elif pair in self._mappings:
            self._mappings[pair].interval_s = interval_s
        else:
            self._mappings[pair] = _Mapping(interval_s, now)
        self._plan()

    def sent(self, local: Endpoint, remote: Endpoint, now: float) -> None:
        """Something went that way."""
        if self._mappings and (mapping := self._mappings.get((local, remote))) is not None:
            mapping.last_sent = now

    def due(self, now: float) -> list[tuple[Endpoint, Endpoint]]:
        """The pairs that need an octet now; they count as sent."""
        if self._next is None or now < self._next:
            return []
        quiet = [pair for pair, mapping in self._mappings.items() if mapping.last_sent + mapping.interval_s <= now]
        for pair in quiet:
            self._mappings[pair].last_sent = now
        self._plan()
        return quiet

    def next_timer(self) -> float | None:
        """When `due` may have something to give; traffic since then may have put it off."""
        return self._next

    def _plan(self) -> None:
        ends = (mapping.last_sent + mapping.interval_s for mapping in self._mappings.values())
        self._next = min(ends, default=None)
