"""Our certificates, before they expire: 30, 7 and 1 days before, and when they have, an event says so, once each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ikevpn.config.configuration import TunnelConfig
from ikevpn.model.events.event import Code, Event, Fact
from ikevpn.pki.expiry import Expiry, earliest

LOOK_S = 3600.0
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Expiring:
    """The first certificate of a tunnel to expire."""

    subject: str
    left_s: float


class CertificateExpiry:
    """By tunnel. The clock is that of the wall, which certificates are for."""

    def __init__(self, report: Callable[[Event], None], clock: Callable[[], float] = time.time) -> None:
        self._report = report
        self._clock = clock
        self._by_tunnel: dict[str, Expiry] = {}
        self._told: dict[Expiry, int] = {}

    def load(self, tunnels: Iterable[TunnelConfig]) -> None:
        """From now on these; what is about to expire is said at once."""
        chains = ((each.name, (der for key in each.template.own_keys for der in key.chain)) for each in tunnels)
        self._by_tunnel = {name: expiry for name, chain in chains if (expiry := earliest(chain)) is not None}
        known = set(self._by_tunnel.values())
        self._told = {expiry: stage for expiry, stage in self._told.items() if expiry in known}
        self.look()

    def of(self, tunnel: str) -> Expiring | None:
        """None: it has no certificate."""
        expiry = self._by_tunnel.get(tunnel)
        return Expiring(expiry.subject, expiry.until - self._clock()) if expiry is not None else None

    def look(self) -> None:
        """Report what has come nearer than at the last look."""
        now = self._clock()
        for expiry in sorted(set(self._by_tunnel.values()), key=lambda each: each.until):
            stage = expiry.stage(now)
            if stage is not None and stage != self._told.get(expiry):
                self._told[expiry] = stage
                self._report(self._event(expiry, now))

    async def follow(self) -> None:
        """Look again every hour."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def _event(self, expiry: Expiry, now: float) -> Event:
        names = tuple(sorted(name for name, each in self._by_tunnel.items() if each == expiry))
        facts: dict[str, Fact] = {"certificate": expiry.subject, "until": expiry.day, "tunnels": names}
        left_s = expiry.until - now
        if left_s <= 0:
            return Event(Code.CERTIFICATE_EXPIRED, facts=facts)
        days = int(left_s / _DAY_S)
        facts["left"] = f"{days} day{'s' if days != 1 else ''}" if days else f"{int(left_s / 3600)} h"
        return Event(Code.CERTIFICATE_EXPIRES, facts=facts)
