"""When a NAT mapping needs an octet to stay open (RFC 3948 §4): only if nothing else was sent for the interval."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.dataplane.userspace.index.deadlines import Deadlines
from ikevpn.model.address import Endpoint


@dataclass(slots=True)
class _Mapping:
    interval_s: float
    last_sent: float


class Keepalives:
    """One interval for each pair of endpoints."""

    def __init__(self) -> None:
        self.wanted: dict[tuple[Endpoint, Endpoint], _Mapping] = {}
        self._deadlines: Deadlines[tuple[Endpoint, Endpoint]] = Deadlines()

    @property
    def next_timer(self) -> float | None:
        """When `due` may have something to give; traffic may have put it off."""
        return self._deadlines.next

    def want(self, local: Endpoint, remote: Endpoint, interval_s: float, now: float) -> None:
        """Keep the mapping open; an interval of 0 ends it."""
        pair = (local, remote)
        if interval_s <= 0:
            self.wanted.pop(pair, None)
            self._deadlines.delete(pair)
            return
        mapping = self.wanted.setdefault(pair, _Mapping(interval_s, now))
        mapping.interval_s = interval_s
        self._deadlines.set(pair, mapping.last_sent + interval_s)

    def sent(self, local: Endpoint, remote: Endpoint, now: float) -> None:
        """Something went that way."""
        mapping = self.wanted.get((local, remote))
        if mapping is not None:
            mapping.last_sent = now

    def due(self, now: float) -> list[tuple[Endpoint, Endpoint]]:
        """The pairs that need an octet now; they count as sent."""
        quiet: list[tuple[Endpoint, Endpoint]] = []
        for pair in self._deadlines.due(now):
            mapping = self.wanted[pair]
            if mapping.last_sent + mapping.interval_s <= now:
                mapping.last_sent = now
                quiet.append(pair)
            self._deadlines.set(pair, mapping.last_sent + mapping.interval_s)
        return quiet
