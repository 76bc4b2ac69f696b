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
        self.wanted: dict[tuple[Endpoint, Endpoint], _Mapping] = {}
        self.next_timer: float | None = None  # when `due` may have something to give; traffic may have put it off

    def want(self, local: Endpoint, remote: Endpoint, interval_s: float, now: float) -> None:
        """Keep the mapping open; an interval of 0 ends it."""
        pair = (local, remote)
        if interval_s <= 0:
            self.wanted.pop(pair, None)
        elif pair in self.wanted:
            self.wanted[pair].interval_s = interval_s
        else:
            self.wanted[pair] = _Mapping(interval_s, now)
        self._plan()

    def sent(self, local: Endpoint, remote: Endpoint, now: float) -> None:
        """Something went that way."""
        mapping = self.wanted.get((local, remote))
        if mapping is not None:
            mapping.last_sent = now

    def due(self, now: float) -> list[tuple[Endpoint, Endpoint]]:
        """The pairs that need an octet now; they count as sent."""
        if self.next_timer is None or now < self.next_timer:
            return []
        quiet = [pair for pair, mapping in self.wanted.items() if mapping.last_sent + mapping.interval_s <= now]
        for pair in quiet:
            self.wanted[pair].last_sent = now
        self._plan()
        return quiet

    def _plan(self) -> None:
        ends = (mapping.last_sent + mapping.interval_s for mapping in self.wanted.values())
        self.next_timer = min(ends, default=None)
