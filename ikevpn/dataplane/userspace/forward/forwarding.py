"""The core of the worker: SAs, policies and the packets between them. Knows no socket, no device and no clock.

`Outward` and `Inward` describe a packet's way; here are the commands that change what they work on, and the timers.
Every command is idempotent: an SA whose key is in use is never set up a second time, which would repeat its nonces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.dataplane.userspace.forward.acquire_queue import AcquireQueue
from ikevpn.dataplane.userspace.forward.association import Association, InboundSa, OutboundSa, path
from ikevpn.dataplane.userspace.forward.fit import Fitting
from ikevpn.dataplane.userspace.forward.inward import CatchUp, HandOver, Inward
from ikevpn.dataplane.userspace.forward.keepalive import Keepalives
from ikevpn.dataplane.userspace.forward.lifetime import Lifetimes
from ikevpn.dataplane.userspace.forward.lookup import Routes, Sad
from ikevpn.dataplane.userspace.forward.outward import Outward
from ikevpn.dataplane.userspace.forward.pre_sa_queue import PreSaQueue
from ikevpn.dataplane.userspace.forward.tally import Tally
from ikevpn.dataplane.userspace.index.spd import Spd
from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Arrival, DeviceEnd, OuterEnd, Path
from ikevpn.dataplane.userspace.packet.path_mtu import PathMtus
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.errors import UsageError
from ikevpn.esp.encap import KEEPALIVE, NON_ESP_MARKER, NON_IKE_MARKER
from ikevpn.esp.transforms.cbc import Entropy
from ikevpn.esp.transforms.layout import SPI
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Sa, SaUse, Total

_SPI_STANDS_AT = (0, SPI, len(NON_IKE_MARKER))  # in ESP, in AH, and in ESP as the drafts of NAT traversal have it


class Forwarding:
    """Packets and commands in; packets to the two ends and events to `report` out. Times are monotonic seconds."""

    def __init__(
        self,
        *,
        devices: DeviceEnd,
        outer: OuterEnd,
        stats: Stats,
        report: Callable[[DataPlaneEvent], None],
        hand_over: HandOver,
        catch_up: CatchUp,
        entropy: Entropy,
    ) -> None:
        self._outer = outer
        self._report = report
        self._entropy = entropy
        self._spd = Spd()
        self._sad = Sad()
        self._routes = Routes(self._spd, self._sad)
        self._mtus = PathMtus(outer.mtu)
        self._keepalives = Keepalives()
        self._tally = Tally()
        self._lifetimes = Lifetimes(report, self._stop_using)
        acquire_queue, pre_sa_queue = AcquireQueue(), PreSaQueue()
        self._timed = (self._lifetimes, acquire_queue, pre_sa_queue, self._keepalives)
        self._outward = Outward(
            routes=self._routes, sad=self._sad, outer=outer, fitting=Fitting(self._mtus, devices, stats),
            acquire_queue=acquire_queue, keepalives=self._keepalives, lifetimes=self._lifetimes, stats=stats,
            report=report,
        )  # fmt: skip
        self._inward = Inward(
            spd=self._spd, sad=self._sad, devices=devices, mtus=self._mtus, pre_sa_queue=pre_sa_queue,
            lifetimes=self._lifetimes, stats=stats, report=report, hand_over=hand_over, catch_up=catch_up,
        )  # fmt: skip

        self.from_device = self._outward.packets  # what the host sent
        self.from_outside = self._inward.arrivals  # datagrams of all sockets; never raises, whatever they hold

    def too_big(self, error: TooBig, now: float) -> bool:
        """A datagram of ours, or what claims to be one, did not fit. Whether it was ours."""
        ours = error.local or self._is_ours(error)
        if ours:
            self._mtus.learn(error.remote, error.mtu, now)
        return ours

    def timer(self, now: float) -> None:
        """What is due: expiry by time, packets held in vain, keepalives."""
        self._lifetimes.timer(now)
        self._outward.timer(now)
        self._inward.timer(now)
        for local, remote in self._keepalives.due(now):
            self._outer.send(Path(local, remote, Encapsulation.UDP), [KEEPALIVE])

    def next_timer(self) -> float | None:
        """When `timer` wants to be called next."""
        due: float | None = None
        for part in self._timed:
            if part.next_timer is not None and (due is None or part.next_timer < due):
                due = part.next_timer
        return due

    def uses(self, now: float, spis: Sequence[int] = (), tunnels: Sequence[str] = ()) -> Iterator[SaUse]:
        """Counters of these inbound SAs and of all SAs of these tunnels, as far as they are here; of every SA where
        neither is named. What comes and goes while they are taken may be missing.
        """
        found: list[Association | None] = [self._sad.inbound(spi) for spi in spis]
        for tunnel in tunnels:
            found += self._sad.of_tunnel(tunnel)
        if not spis and not tunnels:
            found += self._sad
        return (association.use(now) for association in found if association is not None)

    def totals(self, now: float) -> Iterator[Total]:
        """Counters of every tunnel, with those of SAs that are gone."""
        return self._tally.totals(self._sad.tunnels, self._sad.of_tunnel, now)

    def add_sa(self, command: message.AddSa, now: float) -> None:
        """Install, or let the one that is there send more; an SA that cannot work here expires at once."""
        sa = command.sa
        same = [each for each in self._same(sa.spi, sa.direction, sa.reqid) if _takes_place(sa, each.sa)]
        for other in same:
            if other.sa.algorithms == sa.algorithms:
                if isinstance(other, OutboundSa) and other.extend(sa):
                    self._usable(other, now)
                return
        try:
            association = InboundSa(sa, now) if sa.direction is Direction.IN else OutboundSa(sa, self._entropy, now)
        except UsageError:
            self._report(Expire(sa.spi, sa.direction, sa.reqid, sa.tunnel, ExpireKind.HARD))
            return
        self._delete(same, now)
        self._sad.add(association)
        if isinstance(association, OutboundSa):
            self._usable(association, now)
        else:
            self._lifetimes.add(association, now)
            self._inward.release(sa.spi, now)

    def delete_sa(self, command: message.DeleteSa, now: float) -> None:
        """Remove one direction."""
        self._delete(self._same(command.spi, command.direction, command.reqid), now)

    def _delete(self, associations: Iterable[Association], now: float) -> None:
        for association in tuple(associations):
            self._tally.retire(association, now)
            self._sad.delete(association)
            self._lifetimes.delete(association)
            self._stop_using(association)

    def elsewhere(self, command: message.Elsewhere, now: float) -> None:
        """Another worker has the inbound SA of an SPI, or has it no longer."""
        self._inward.elsewhere(command.spi, command.worker, now)

    def move_sas(self, command: message.MoveSas, now: float) -> None:
        """Lead outbound SAs elsewhere. An SPI that two peers chose alike moves neither: it must not be stolen."""
        for spi in command.spis:
            found = self._sad.outbound_of_spi(spi)
            if len(found) == 1 and found[0].movable:
                sa = found[0].sa
                self._sad.move(sa.reqid, found[0].path.remote, command.remote)
                found[0].path = path(command.local, command.remote, sa)

    def add_policy(self, command: message.AddPolicy, now: float) -> None:
        self._spd.add(command.policy)
        self._routes.policy_changed(command.policy)

    def delete_policy(self, command: message.DeletePolicy, now: float) -> None:
        self._spd.delete(command.policy)
        self._routes.policy_changed(command.policy)

    def send_ike(self, command: message.SendIke, now: float) -> None:
        """An ISAKMP datagram leaves behind its marker."""
        self._keepalives.sent(command.local, command.remote, now)
        self._outer.send(Path(command.local, command.remote, Encapsulation.UDP), [NON_ESP_MARKER + command.data])

    def keepalive(self, command: message.Keepalive, now: float) -> None:
        self._keepalives.want(command.local, command.remote, command.interval_s, now)

    def esp_datagram(self, command: message.EspDatagram, now: float) -> None:
        """ESP that came to the IKE port."""
        arrival = Arrival(Path(command.local, command.remote, Encapsulation.UDP_NON_IKE), [command.data])
        self._inward.arrivals([arrival], now)

    def _is_ours(self, error: TooBig) -> bool:
        """Whether what a router quotes is a datagram of ours. Anybody can claim to be a router, so an SPI has to be
        right; a quote that ends before it proves nothing, for the kernel has compared no more than our own port.
        """
        quote = error.quote
        spis = {int.from_bytes(quote[at : at + SPI], "big") for at in _SPI_STANDS_AT if len(quote) >= at + SPI}
        found = (each for spi in spis for each in self._sad.outbound_of_spi(spi))
        return any(each.path.remote.address == error.remote for each in found)

    def _usable(self, association: OutboundSa, now: float) -> None:
        self._lifetimes.add(association, now)
        self._routes.sa_changed(association.sa.reqid)
        if any(each.usable for each in self._sad.outbound(association.sa.reqid)):  # it may be half of a bundle
            self._outward.release(association.sa.reqid, now)

    def _stop_using(self, association: Association) -> None:
        if isinstance(association, OutboundSa):
            self._routes.sa_changed(association.sa.reqid)

    def _same(self, spi: int, direction: Direction, reqid: int | None) -> Sequence[Association]:
        if direction is Direction.OUT:
            return self._sad.outbound_of_spi(spi, reqid)
        inbound = self._sad.inbound(spi)
        return [] if inbound is None else [inbound]


def _takes_place(sa: Sa, other: Sa) -> bool:
    """Whether `sa` comes in the place of one of the same SPI: ours are unique, a peer may use one in AH and in ESP."""
    return sa.direction is Direction.IN or sa.protocol is other.protocol
