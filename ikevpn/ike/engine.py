"""The IKE engine of a host: datagrams, timers, commands and events of the data plane in, effects out.

It has no socket, no clock and no randomness: `now` (seconds from any origin, never going back) and `entropy` are passed
in. Nothing that a peer sends raises; UsageError is for our own misuse.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ikevpn.errors import Malformed
from ikevpn.ike import arrivals, association, plane, relocation, revocation
from ikevpn.ike.phase1 import ending as phase1_ending
from ikevpn.ike.phase1 import initiation
from ikevpn.ike.phase2 import children, ending, late_deletes, requests
from ikevpn.ike.runner import retransmission
from ikevpn.ike.runner.script import Script
from ikevpn.ike.script import SCRIPTS
from ikevpn.ike.state import standing
from ikevpn.ike.state.core import Core, EngineSettings
from ikevpn.ike.state.effects import Effect, QuerySa
from ikevpn.ike.state.sa import Child, IkeState
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.status import EngineStatus, snapshot, snapshot_of
from ikevpn.ike.upkeep import dpd, icmp, informational
from ikevpn.ike.upkeep.dpd import Verdict
from ikevpn.ike.values.arrival import Arrival
from ikevpn.ike.values.question import Answer, Ticket
from ikevpn.model.address import Address, AddressRange, Endpoint
from ikevpn.model.events.event import Fact, Reason
from ikevpn.model.sa import Direction, ExpireKind, SaUse
from ikevpn.model.tunnel import SharedSecret, Tunnel
from ikevpn.wire import header as isakmp_header
from ikevpn.wire.vendor import Capability


class Engine:
    """One per host. Every input returns the effects that it has, in order."""

    def __init__(
        self, settings: EngineSettings, entropy: Callable[[int], bytes], scripts: Sequence[Script] = SCRIPTS
    ) -> None:
        self._core = Core(settings, entropy, {each.kind: each for each in scripts})
        self._timers: Mapping[TimerKind, Callable[[Timer], None]] = {
            TimerKind.RETRANSMIT: self._retransmit,
            TimerKind.HALF_OPEN: self._half_open,
            TimerKind.FORGET: self._forget,
            TimerKind.ANSWER: self._unanswered,
            TimerKind.IKE_REKEY: self._ike_rekey,
            TimerKind.IKE_EXPIRE: self._ike_expire,
            TimerKind.IKE_RETIRE: self._ike_retire,
            TimerKind.FAREWELL: self._farewell,
            TimerKind.DPD: self._dpd,
            TimerKind.DPD_DECIDE: self._dpd_decide,
            TimerKind.CHILD_REKEY: self._child_rekey,
            TimerKind.CHILD_EXPIRE: self._child_expire,
            TimerKind.CHILD_SWITCH: self._child_switch,
            TimerKind.CHILD_RETIRE: self._child_retire,
        }

    # Configuration

    def add_tunnel(self, tunnel: Tunnel) -> None:
        """Make a tunnel known, or replace one for exchanges to come."""
        self._core.tunnels.add(tunnel)
        self._core.claims.know(tunnel)

    def remove_tunnel(self, name: str) -> None:
        """Forget a tunnel; `terminate` it first. Raises UsageError where there is none."""
        self._core.tunnels.check(name)
        self._core.tunnels.remove(name)
        self._core.claims.forget(name)

    def reserve(self, networks: Mapping[str, Collection[AddressRange]], now: float) -> list[Effect]:
        """The networks of all tunnels with a named peer, by tunnel, whether these are up or down: no peer of a tunnel
        for many gets any of them, and who has some of what is new loses them.
        """
        revocation.reserve(self._at(now), networks)
        return self._out()

    def replace_secrets(self, secrets: Sequence[SharedSecret], now: float) -> list[Effect]:
        """Pre-shared keys for tunnels that have none of their own. What rests on a key that is no longer the peer's
        ends, with Deletes.
        """
        revocation.replace_secrets(self._at(now), secrets)
        return self._out()

    # From the network

    def datagram(self, data: bytes, local: Endpoint, remote: Endpoint, now: float, natt: bool = False) -> list[Effect]:
        """One ISAKMP datagram, without the non-ESP marker; `natt` says that it had one."""
        core = self._at(now)
        try:
            header = isakmp_header.read(data)
        except Malformed:
            core.drop(Reason.MALFORMED)
            return self._out()
        arrivals.take(core, Arrival(header, data, local, remote, natt))
        return self._out()

    def answer(self, ticket: Ticket, answer: Answer, now: float) -> list[Effect]:
        """What was asked by `Ask`. One that comes twice, too late or for nobody changes nothing."""
        arrivals.answered(self._at(now), ticket, answer)
        return self._out()

    # Commands

    def initiate(
        self, tunnel: str, local: Endpoint, remote: Endpoint, now: float, children: Sequence[str] | None = None
    ) -> list[Effect]:
        """Bring up what is missing of a tunnel: phase 1, then each child (all where `children` is None).

        Which ports are used, ours and the peer's, follows from the settings and the tunnel. Raises UsageError for an
        unknown tunnel.
        """
        core = self._at(now)
        found = core.tunnels[tunnel]
        missing = [
            requests.wanted(found, child)
            for child in found.children
            if (children is None or child.name in children) and not standing.is_up(core, found, child.reqid)
        ]
        sa = standing.sa_towards(core, found, remote)
        if sa is None:
            sa = initiation.start(core, found, *initiation.begins_at(core, found, local, remote))
        for request in missing:
            requests.start(core, sa, request)
        return self._out()

    def terminate(
        self, tunnel: str, now: float, child: str | None = None, reason: Reason = Reason.REQUESTED
    ) -> list[Effect]:
        """Take down a tunnel or one child, with Deletes to the peer. Raises UsageError for an unknown tunnel."""
        core = self._at(now)
        core.tunnels.check(tunnel)
        for each in core.children_for.of(tunnel):
            if child in (None, each.name):
                ending.delete_child(core, each, reason)
        for sa in (*standing.ike_sas(core, tunnel), *standing.under_way(core, tunnel)):
            if child is None:
                association.end(core, sa, reason, with_children=False, tell=True)
            else:
                ending.cancel(core, sa, tunnel, child)
        if child is None:
            for sa in core.established_for.of(tunnel):  # those of other tunnels that this one may use as well
                ending.cancel(core, sa, tunnel)
        return self._out()

    def rekey(self, tunnel: str, now: float, child: str | None = None) -> list[Effect]:
        """Renew phase 1, or one child, now."""
        core = self._at(now)
        core.tunnels.check(tunnel)
        if child is None:
            for sa in standing.ike_sas(core, tunnel):
                if not sa.superseded:
                    initiation.renew(core, sa)
        for each in core.children_for.of(tunnel):
            if each.name == child and not each.superseded and each.outbound:
                requests.renew(core, each)
        return self._out()

    def probe(self, tunnel: str, now: float) -> list[Effect]:
        """Ask the peers of a tunnel whether they live; the answer is the event DPD_ANSWERED or IKE_DOWN."""
        core = self._at(now)
        core.tunnels.check(tunnel)
        for sa in standing.ike_sas(core, tunnel):
            if Capability.DPD in sa.capabilities and not sa.superseded:
                sa.dpd.on_demand = True
                informational.send(core, sa, [dpd.question(core, sa)])
        return self._out()

    def shutdown(self, now: float) -> list[Effect]:
        """Take down everything, with Deletes."""
        core = self._at(now)
        for child in list(core.children.values()):
            ending.delete_child(core, child, Reason.REQUESTED)
        for sa in list(core.ike_sas.values()):
            association.end(core, sa, Reason.REQUESTED, with_children=False, tell=True)
        return self._out()

    # From the data plane

    def acquire(self, tunnel: str, reqid: int, local: Endpoint, remote: Endpoint, now: float) -> list[Effect]:
        """A packet wants out and there is no SA for it."""
        core = self._at(now)
        found = core.tunnels[tunnel]
        child = next((child for child in found.children if child.reqid == reqid), None)
        return self.initiate(tunnel, local, remote, now, [child.name]) if child else self._out()

    def expired(self, spi: int, direction: Direction, reqid: int, kind: ExpireKind, now: float) -> list[Effect]:
        """An SA has reached a limit in octets, packets or time."""
        core = self._at(now)
        child = self._child_by_spi(spi, direction, reqid)
        if child is None:
            return self._out()
        if kind is ExpireKind.HARD:
            self._expire(child)
        elif kind is ExpireKind.URGENT:
            children.press(core, child)
        elif not child.superseded and not child.rekeying:
            if core.timers.at(Timer(TimerKind.CHILD_SWITCH, child.serial)) is not None:
                children.switch(core, child)  # the peer already uses it, and fast
            if child.outbound:
                requests.renew(core, child)
        return self._out()

    def mapping(self, spi: int, remote: Endpoint, now: float) -> list[Effect]:
        """Authenticated ESP came from another address or port."""
        plane.moved(self._at(now), spi, remote)
        return self._out()

    def sa_used(self, use: SaUse, now: float) -> list[Effect]:
        """The answer to QuerySa."""
        plane.used(self._at(now), use)
        return self._out()

    def unknown_spi(self, spi: int, local: Endpoint, remote: Endpoint, now: float) -> list[Effect]:
        """ESP for an SPI that we do not have."""
        plane.unknown_spi(self._at(now), spi, remote)
        return self._out()

    def unreachable(self, local: Endpoint, remote: Endpoint, facts: Mapping[str, Fact], now: float) -> list[Effect]:
        """An ICMP error about a datagram of ours."""
        icmp.take(self._at(now), local, remote, facts)
        return self._out()

    def addresses_gone(self, gone: Collection[Address], now: float) -> list[Effect]:
        """This host does not have these addresses any more."""
        relocation.leave(self._at(now), gone)
        return self._out()

    # Time

    def next_timer(self) -> float | None:
        """When `timer` wants to be called."""
        return self._core.timers.next()

    def timer(self, now: float) -> list[Effect]:
        """Do what is due."""
        core = self._at(now)
        while (timer := core.timers.pop_due(now)) is not None:
            self._timers[timer.kind](timer)
        return self._out()

    # Knowledge

    def status(self, now: float, tunnel: str | None = None) -> EngineStatus:
        """A frozen snapshot, of everything or of one tunnel."""
        return snapshot(self._core, now) if tunnel is None else snapshot_of(self._core, now, tunnel)

    def names(self, address: Address) -> bool:
        """Whether a tunnel has that very address for its peer."""
        return self._core.tunnels.names(address)

    def takes_marked_esp(self, remote: Endpoint) -> bool:
        """Whether ESP behind the non-IKE marker (drafts 00 and 01) may come to the IKE port from that address.
        Not by port: a NAT may have taken another one, which the data plane finds out."""
        return self._core.marked[remote.address] > 0

    @property
    def counters(self) -> Mapping[str, int]:
        """How often what was dropped, sent again or evicted."""
        return self._core.counters

    # Timers

    def _retransmit(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        found = sa.exchanges.get(timer.detail) if sa else None
        if sa is not None and found is not None and not retransmission.retransmit(self._core, sa, found):
            association.given_up(self._core, sa, found)

    def _half_open(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is not None and sa.state is IkeState.NEGOTIATING:
            phase1_ending.too_slow(self._core, sa)

    def _forget(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is not None:
            sa.exchanges.pop(timer.detail, None)

    def _unanswered(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        found = sa.exchanges.get(timer.detail) if sa else None
        if found is None:
            return
        if found.pending is not None:
            ticket, seconds = found.pending.ticket, found.pending.waiting.seconds
        elif found.asked is not None:
            ticket, seconds = found.asked.ticket, found.asked.lacking.seconds
        else:
            return
        arrivals.answered(self._core, ticket, Answer(trouble=f"no answer within {seconds:g} s"))

    def _ike_rekey(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is None or sa.superseded or not self._core.children_with(sa):
            return  # nothing lives under it that a new one would have to carry on
        initiation.renew(self._core, sa)
        remaining = sa.established + sa.lifetime.seconds - self._core.now
        if remaining > 0:  # a renewal that fails is tried again while there is time
            self._core.timers.set(timer, self._core.now + max(10.0, remaining / 2))

    def _ike_expire(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is not None:
            association.end(self._core, sa, Reason.EXPIRED, with_children=False, tell=True)

    def _ike_retire(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is not None and sa.superseded:
            association.end(self._core, sa, Reason.REPLACED, with_children=False, tell=True)

    def _dpd(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is not None and sa.state is IkeState.ESTABLISHED and not sa.superseded:
            dpd.look(self._core, sa)

    def _dpd_decide(self, timer: Timer) -> None:
        sa = self._core.ike_sas.get(timer.owner)
        if sa is None or sa.state is not IkeState.ESTABLISHED or sa.superseded:
            return
        verdict = dpd.decide(self._core, sa)
        if verdict is Verdict.DEAD:
            association.peer_dead(self._core, sa)
        elif verdict is Verdict.ASK:
            informational.send(self._core, sa, [dpd.question(self._core, sa)])

    def _farewell(self, timer: Timer) -> None:
        for child in late_deletes.forget(self._core, timer.owner):
            requests.renew(self._core, child)

    def _child_rekey(self, timer: Timer) -> None:
        child = self._core.children.get(timer.owner)
        if child is not None and not child.superseded:
            requests.renew(self._core, child)

    def _child_expire(self, timer: Timer) -> None:
        child = self._core.children.get(timer.owner)
        if child is not None:
            self._expire(child)

    def _child_switch(self, timer: Timer) -> None:
        child = self._core.children.get(timer.owner)
        if child is not None:
            children.switch(self._core, child)

    def _child_retire(self, timer: Timer) -> None:
        child = self._core.children.get(timer.owner)
        if child is not None and child.superseded:
            self._core.timers.set(timer, self._core.now + self._core.settings.retire_s)
            self._core.emit(QuerySa((child.spi_in,)))

    # Shared

    def _at(self, now: float) -> Core:
        self._core.now = now
        return self._core

    def _out(self) -> list[Effect]:
        effects, self._core.effects = self._core.effects, []
        return effects

    def _child_by_spi(self, spi: int, direction: Direction, reqid: int) -> Child | None:
        """An outbound SPI is the peer's choice, and two peers may choose alike."""
        if direction is Direction.IN:
            return self._core.by_spi.get(spi)
        alike = self._core.sending.of(spi)
        return next((child for child in alike if child.reqid == reqid and child.outbound), None)

    def _expire(self, child: Child) -> None:
        ending.delete_child(self._core, child, Reason.EXPIRED)


__all__ = ["Engine", "EngineSettings"]
