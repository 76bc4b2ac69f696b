"""An installed SA: its ESP state, and beside it what the data plane has to know: where it leads, how long it lives."""

from __future__ import annotations

from ikevpn.dataplane.ends import Path
from ikevpn.dataplane.fit import Fit
from ikevpn.dataplane.marking import Marker
from ikevpn.errors import UsageError
from ikevpn.esp.cbc import Entropy
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.limits import LimitWatch
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.selection import Selection
from ikevpn.esp.transform import shape
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Sa, SaMode, SaUse
from ikevpn.wire.registry import Protocol

_HALF_OF_SEQUENCE = 1 << 31
_LOW_SEQUENCE = (1 << 32) - 1


class OutboundSa:
    """Seals and knows the way to the peer, which may change during its life."""

    __slots__ = ("expired", "fit", "installed_at", "marks", "path", "sa", "selection", "state", "used_at", "watch")

    def __init__(self, sa: Sa, entropy: Entropy, now: float) -> None:
        """Raises UsageError for what the data plane cannot do."""
        _check(sa)
        self.sa = sa
        self.state = Outbound(sa, entropy)
        self.selection = Selection(sa.selectors, Direction.OUT)
        self.fit = Fit(sa)
        self.marks = Marker(sa.outer, sa.mode)
        self.watch = LimitWatch.of(sa)
        self.path = path(sa.local, sa.remote, sa.encapsulation)
        self.installed_at = now
        self.used_at: float | None = None
        self.expired = False

    def check_limits(self, now: float) -> ExpireKind | None:
        """Which limit has been reached since the last call."""
        return self.watch.check(self.state.bytes, self.state.packets, now - self.installed_at)

    def use(self, now: float) -> SaUse:
        """Counters since installation."""
        state, sa = self.state, self.sa
        idle_s = None if self.used_at is None else now - self.used_at
        return SaUse(
            sa.spi, Direction.OUT, state.bytes, state.packets, idle_s, reqid=sa.reqid, path_mtu=self.fit.path_mtu
        )


class InboundSa:
    """Opens, and knows from where the peer sends and how it cuts HMAC-SHA2-256."""

    __slots__ = (
        "_highest",
        "authenticated",
        "expired",
        "fit",
        "installed_at",
        "integrity_96",
        "remote",
        "sa",
        "state",
        "watch",
    )

    def __init__(self, sa: Sa, now: float) -> None:
        """Raises UsageError for what the data plane cannot do."""
        _check(sa)
        self.sa = sa
        self.state = Inbound(sa)
        self.fit = Fit(sa)
        self.watch = LimitWatch.of(sa)
        self.authenticated = shape(sa.algorithms).authenticated
        self.remote: Endpoint = sa.remote
        self.integrity_96 = sa.algorithms.integrity_96
        self.installed_at = now
        self.expired = False
        self._highest = 0

    def advance(self, sequence: int) -> bool:
        """Note the low 32 bits of an authentic packet's sequence number; whether it is later than all before it.

        A packet that was overtaken on its way says nothing about where the peer is now.
        """
        ahead = (sequence - self._highest) & _LOW_SEQUENCE
        if not 0 < ahead < _HALF_OF_SEQUENCE:
            return False
        self._highest = sequence
        return True

    def check_limits(self, now: float) -> ExpireKind | None:
        """Which limit has been reached since the last call."""
        return self.watch.check(self.state.bytes, self.state.packets, now - self.installed_at)

    def use(self, now: float) -> SaUse:
        """Counters since installation."""
        state = self.state
        idle_s = None if state.used_at is None else now - state.used_at
        drops = tuple((drop.value, count) for drop, count in state.drops.items())
        return SaUse(self.sa.spi, Direction.IN, state.bytes, state.packets, idle_s, drops, self.sa.reqid)


Association = InboundSa | OutboundSa


def path(local: Endpoint, remote: Endpoint, encapsulation: Encapsulation) -> Path:
    """The path between two endpoints; raw ESP knows no ports."""
    if encapsulation is Encapsulation.NONE:
        return Path(local.at(0), remote.at(0), encapsulation)
    return Path(local, remote, encapsulation)


def _check(sa: Sa) -> None:
    if sa.protocol is not Protocol.ESP:
        raise UsageError(f"the data plane does not speak {sa.protocol}")
    if sa.mode is not SaMode.TUNNEL:
        raise UsageError(f"the data plane has no {sa.mode} mode")
