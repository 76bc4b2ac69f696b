"""Expiry of SAs by octets, packets and seconds; each kind is told once, and after hard the SA is not used."""

from __future__ import annotations

from collections.abc import Callable

from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.dataplane.userspace.forward.association import Association
from ikevpn.dataplane.userspace.index.deadlines import Deadlines
from ikevpn.model.sa import ExpireKind


class Lifetimes:
    """Watches the SAs that it is told of. `expired` is called after an SA has become unusable."""

    def __init__(self, report: Callable[[Expire], None], expired: Callable[[Association], None]) -> None:
        self._report = report
        self._expired = expired
        self._deadlines: Deadlines[Association] = Deadlines()

    @property
    def next_timer(self) -> float | None:
        """When `timer` has work to do."""
        return self._deadlines.next

    def add(self, association: Association, now: float) -> None:
        """Watch an SA from now on."""
        self._plan(association, now)

    def delete(self, association: Association) -> None:
        """Watch it no longer."""
        self._deadlines.delete(association)

    def check(self, association: Association, now: float) -> None:
        """Call this after the SA has been used."""
        kind = association.check_limits(now)
        if kind is ExpireKind.HARD:
            self.end(association)
        elif kind is not None:
            self._tell(association, kind)

    def end(self, association: Association) -> None:
        """Stop using an SA that can go on no longer."""
        if association.expired:
            return
        association.expired = True
        self.delete(association)
        self._expired(association)
        self._tell(association, ExpireKind.HARD)

    def timer(self, now: float) -> None:
        """Check those whose seconds are over."""
        for association in self._deadlines.due(now):
            self._plan(association, now)
            self.check(association, now)

    def _plan(self, association: Association, now: float) -> None:
        limits = association.sa.limits
        age_s = now - association.installed_at
        ahead = [limit_s for limit_s in (limits.soft_seconds, limits.hard_seconds) if limit_s > age_s]
        if ahead:
            self._deadlines.set(association, association.installed_at + min(ahead))
        else:
            self._deadlines.delete(association)

    def _tell(self, association: Association, kind: ExpireKind) -> None:
        sa = association.sa
        self._report(Expire(sa.spi, sa.direction, sa.reqid, sa.tunnel, kind))
