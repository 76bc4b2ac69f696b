"""A data plane of pretence: obeys the effects, carries packets by SA, counts, expires, notices what cannot be right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ikevpn.ike.state.effects import AddSa, DeleteSa, Keepalive, MoveSas
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Sa, SaUse
from ikevpn.model.tunnel import Child, Tunnel
from tests.sim.clock import Clock
from tests.sim.packet import Inner, Kind, Packet

_KINDS = {Encapsulation.NONE: Kind.ESP_RAW, Encapsulation.UDP: Kind.ESP_UDP, Encapsulation.UDP_NON_IKE: Kind.ESP_UDP}
_FIRST_ALLOCATED_REQID = 1_000_000


class Owner(Protocol):
    """The host around the plane: where packets and events go."""

    address: Address

    def transmit(self, packet: Packet) -> None: ...
    def delivered(self, inner: Inner) -> None: ...
    def expired(self, spi: int, direction: Direction, reqid: int, kind: ExpireKind) -> None: ...
    def mapping(self, spi: int, remote: Endpoint) -> None: ...
    def unknown_spi(self, spi: int, local: Endpoint, remote: Endpoint) -> None: ...
    def acquire(self, tunnel: str, reqid: int) -> None: ...
    def complain(self, text: str) -> None: ...


@dataclass(slots=True)
class Installed:
    """One SA that is in force. `remote` follows the peer's mapping."""

    sa: Sa
    since: float
    order: int
    remote: Endpoint
    local: Endpoint
    octets: int = 0
    packets: int = 0
    used: float | None = None
    soft_told: bool = False
    seen: set[int] = field(default_factory=set)


class Plane:
    """The SAs of one host. All times are those of the clock."""

    def __init__(self, clock: Clock, owner: Owner, tunnels: tuple[Tunnel, ...]) -> None:
        self.sas: dict[tuple[Direction, int], Installed] = {}
        self.keepalives: dict[tuple[Endpoint, Endpoint], float] = {}
        self.most = 0
        self._clock = clock
        self._owner = owner
        self._children: dict[int, tuple[Tunnel, Child]] = {
            child.reqid: (tunnel, child) for tunnel in tunnels if not tunnel.any_remote for child in tunnel.children
        }
        self._order = 0
        self._sent_under: set[bytes] = set()
        self._told: dict[object, float] = {}

    # effects

    def add(self, effect: AddSa) -> None:
        sa = effect.sa
        key = (sa.direction, sa.spi)
        if key in self.sas:
            self._owner.complain(f"SA {sa.direction} {sa.spi:08x} is installed twice")
        self._check_numbers(sa)
        self._check_sense(sa)
        self._order += 1
        installed = Installed(sa, self._clock.now, self._order, sa.remote, sa.local)
        self.sas[key] = installed
        self.most = max(self.most, len(self.bare()))
        for kind, seconds in ((ExpireKind.SOFT, sa.limits.soft_seconds), (ExpireKind.HARD, sa.limits.hard_seconds)):
            if seconds:
                self._clock.after(seconds, self._expiry(key, installed, kind))

    def _check_numbers(self, sa: Sa) -> None:
        """An SA that comes again would begin at number 1 again, under the same key."""
        key = sa.algorithms.encryption_key.reveal() + sa.algorithms.integrity_key.reveal()
        if sa.direction is Direction.IN:
            return
        if key in self._sent_under:
            self._owner.complain(f"SA out {sa.spi:08x} is installed again under its old key")
        self._sent_under.add(key)

    def delete(self, effect: DeleteSa) -> None:
        installed = self.sas.pop((effect.direction, effect.spi), None)
        if installed is None:
            return  # expired hard before, or deleted by a command that is allowed to come twice
        if (installed.sa.reqid, installed.sa.tunnel) != (effect.reqid, effect.tunnel):
            self._owner.complain(f"DeleteSa {effect} does not name the SA that was installed as {_words(installed.sa)}")

    def move(self, effect: MoveSas) -> None:
        for spi in effect.spis:
            installed = self.sas.get((Direction.OUT, spi))
            if installed is None:
                self._owner.complain(f"MoveSas names {spi:08x}, which is not an outbound SA")
            else:
                for inbound in self._of(Direction.IN):
                    if inbound.sa.reqid == installed.sa.reqid and inbound.remote == installed.remote:
                        inbound.remote = effect.remote
                installed.remote, installed.local = effect.remote, effect.local

    def keepalive(self, effect: Keepalive) -> None:
        key = (effect.local, effect.remote)
        running = key in self.keepalives
        if not effect.interval_s:
            self.keepalives.pop(key, None)
            return
        self.keepalives[key] = effect.interval_s
        if not running:
            self._clock.after(effect.interval_s, lambda: self._keep_alive(key))

    def use(self, spi: int) -> SaUse | None:
        """The answer to QuerySa; None where the SA is gone."""
        installed = self.sas.get((Direction.IN, spi))
        if installed is None:
            return None
        idle_s = None if installed.used is None else self._clock.now - installed.used
        return SaUse(spi, Direction.IN, installed.octets, installed.packets, idle_s)

    def bare(self) -> list[Installed]:
        """All SAs; of a bundle only that of ESP."""
        return [installed for installed in self.sas.values() if not installed.sa.wraps]

    # traffic

    def outbound(self, source: Address, target: Address) -> Installed | None:
        """The newest outbound SA whose selectors take such a packet; of a bundle that of ESP, where both are there."""
        best = None
        for installed in self._of(Direction.OUT):
            if installed.sa.wraps or (installed.sa.wrapped and self._around(installed) is None):
                continue
            matching = any(selector.matches(source, target, 1, 0, 0) for selector in installed.sa.selectors)
            if matching and (best is None or installed.order > best.order):
                best = installed
        return best

    def send(self, inner: Inner) -> bool:
        """A user sends; without an SA the packet is dropped and an acquire raised. Whether it left."""
        installed = self.outbound(inner.source, inner.target)
        if installed is None:
            self._acquire(inner)
            return False
        sa, around = installed.sa, self._around(installed)
        wrapper = None if around is None else around.sa
        ends = installed.local, installed.remote
        packet = Packet(_KINDS[sa.encapsulation], *ends, sealed=sa, inner=inner, wrapper=wrapper)
        self._count(installed, inner)
        if around is not None:
            self._count(around, inner)
        self._owner.transmit(packet)
        return True

    def receive(self, packet: Packet) -> None:
        """ESP from outside: accepted only by an SA of that SPI with the very same keys, and what is around it too."""
        assert packet.sealed is not None and packet.inner is not None
        sealed, inner = packet.sealed, packet.inner
        around = None if packet.wrapper is None else self._inbound(packet.wrapper, packet)
        if packet.wrapper is not None and around is None:
            return
        installed = self._inbound(sealed, packet)
        if installed is None:
            return
        if (around.sa.wraps if around else 0) != (sealed.spi if installed.sa.wrapped else 0):
            self._owner.complain(f"SPI {sealed.spi:08x} came without AH around it, or with another's")
            return
        if _KINDS[installed.sa.encapsulation] is not packet.kind:
            self._owner.complain(
                f"SPI {sealed.spi:08x} is {installed.sa.encapsulation} here, {packet.kind} on the wire"
            )
            return
        if not any(s.matches(inner.target, inner.source, 1, 0, 0) for s in installed.sa.selectors):
            self._owner.complain(f"packet {inner.number} arrived through SPI {sealed.spi:08x}, outside its selectors")
            return
        if inner.number in installed.seen:
            return
        installed.seen.add(inner.number)
        self._owner.delivered(inner)
        self._follow(installed, packet)
        self._count(installed, inner)
        if around is not None:
            self._count(around, inner)

    # inside

    def _inbound(self, sealed: Sa, packet: Packet) -> Installed | None:
        """Our half of the SA under which something came; None, and somebody is told, where there is none."""
        installed = self.sas.get((Direction.IN, sealed.spi))
        if installed is None:
            if self._may_tell(("unknown", sealed.spi), 1.0):
                self._owner.unknown_spi(sealed.spi, packet.target, packet.source)
            return None
        if not _same_transform(installed.sa, sealed):
            self._owner.complain(f"both ends have SPI {sealed.spi:08x}, but not the same transform or keys")
            return None
        return installed

    def _around(self, installed: Installed) -> Installed | None:
        """What carries the packets of an outbound SA of a bundle."""
        if not installed.sa.wrapped:
            return None
        same = (each for each in self._of(Direction.OUT) if each.sa.reqid == installed.sa.reqid)
        return next((each for each in same if each.sa.wraps == installed.sa.spi), None)

    def _of(self, direction: Direction) -> Iterator[Installed]:
        return (installed for (way, _), installed in self.sas.items() if way is direction)

    def _check_sense(self, sa: Sa) -> None:
        """Nothing may be installed that the configuration does not cover."""
        if sa.local.address != self._owner.address:
            self._owner.complain(f"{_words(sa)} has local address {sa.local}, which is not ours")
        if sa.reqid in self._children:
            tunnel, child = self._children[sa.reqid]
            if sa.tunnel != tunnel.name or not all(child.selector.contains(s) for s in sa.selectors):
                self._owner.complain(f"{_words(sa)} is not covered by child {child.name} of {tunnel.name}")
        elif sa.reqid < _FIRST_ALLOCATED_REQID:
            self._owner.complain(f"{_words(sa)} has a reqid that nobody configured or allocated")

    def _follow(self, installed: Installed, packet: Packet) -> None:
        if packet.kind is not Kind.ESP_UDP or packet.source == installed.remote:
            return
        installed.remote = packet.source
        for outbound in self._of(Direction.OUT):
            if outbound.sa.reqid == installed.sa.reqid:
                outbound.remote = packet.source
        self._owner.mapping(installed.sa.spi, packet.source)

    def _count(self, installed: Installed, inner: Inner) -> None:
        installed.octets += inner.size
        installed.packets += 1
        installed.used = self._clock.now
        limits, sa = installed.sa.limits, installed.sa
        if _over(installed, limits.hard_bytes, limits.hard_packets):
            self.sas.pop((sa.direction, sa.spi), None)
            self._clock.after(0.0, lambda: self._owner.expired(sa.spi, sa.direction, sa.reqid, ExpireKind.HARD))
        elif not installed.soft_told and _over(installed, limits.soft_bytes, limits.soft_packets):
            installed.soft_told = True
            self._clock.after(0.0, lambda: self._owner.expired(sa.spi, sa.direction, sa.reqid, ExpireKind.SOFT))

    def _expiry(self, key: tuple[Direction, int], installed: Installed, kind: ExpireKind) -> Callable[[], None]:
        def expire() -> None:
            if self.sas.get(key) is not installed:
                return
            if kind is ExpireKind.HARD:
                del self.sas[key]
            self._owner.expired(installed.sa.spi, installed.sa.direction, installed.sa.reqid, kind)

        return expire

    def _acquire(self, inner: Inner) -> None:
        for reqid, (tunnel, child) in self._children.items():
            if child.selector.matches(inner.source, inner.target, 1, 0, 0) and self._may_tell(("acquire", reqid), 1.0):
                self._owner.acquire(tunnel.name, reqid)

    def _may_tell(self, what: object, pause_s: float) -> bool:
        if self._clock.now - self._told.get(what, -pause_s) < pause_s:
            return False
        self._told[what] = self._clock.now
        return True

    def _keep_alive(self, key: tuple[Endpoint, Endpoint]) -> None:
        interval_s = self.keepalives.get(key)
        if interval_s is None:
            return
        self._owner.transmit(Packet(Kind.KEEPALIVE, *key, data=b"\xff"))
        self._clock.after(interval_s, lambda: self._keep_alive(key))


def _over(installed: Installed, octets: int, packets: int) -> bool:
    return bool((octets and installed.octets >= octets) or (packets and installed.packets >= packets))


def _same_transform(ours: Sa, theirs: Sa) -> bool:
    return (ours.algorithms, ours.protocol, ours.mode, ours.extended_sequence_numbers) == (
        theirs.algorithms,
        theirs.protocol,
        theirs.mode,
        theirs.extended_sequence_numbers,
    )


def _words(sa: Sa) -> str:
    return f"SA {sa.direction} {sa.spi:08x} reqid {sa.reqid} of {sa.tunnel} ({', '.join(map(str, sa.selectors))})"
