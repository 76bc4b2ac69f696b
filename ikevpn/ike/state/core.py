"""The engine's tables and its outbox: what every room of `ike` works on. Decides nothing by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import TypeVar

from ikevpn.ike.state.budget import Allowance, Budget, Budgets
from ikevpn.ike.state.claims import Claims
from ikevpn.ike.state.directory import Directory
from ikevpn.ike.state.effects import Effect, Keepalive, Report, Send
from ikevpn.ike.state.half_open import HalfOpen, Source, source_of
from ikevpn.ike.state.keyring import Keyring
from ikevpn.ike.state.register import Register
from ikevpn.ike.state.sa import Child, IkeSa, IkeState, Outline, Peer, Place, Role
from ikevpn.ike.state.timers import Timers
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.events.event import Code, Event, Fact, Reason, cut
from ikevpn.model.sa import FIRST_DYNAMIC_REQID, Encapsulation
from ikevpn.model.territory import Territory
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.payloads import fragment
from ikevpn.wire.registry import ExchangeType
from ikevpn.wire.vendor import Capability

Standing = Source | str | None
"""What established IKE SAs are counted by: where the peer called from, the tunnel, and all together."""
Counted = TypeVar("Counted", Address, tuple[Endpoint, Endpoint], Standing)

_UDP_AND_IP = {4: 28, 6: 48}
_NON_ESP_MARKER = 4
_LOWEST_SPI = 0x1000  # below 256 is reserved, below 0x1000 is left to manual keys


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Ports and limits. Times in seconds."""

    ike_port: int = 500
    natt_port: int = 4500
    max_half_open: int = 4096
    max_half_open_per_source: int = 32
    half_open_s: float = 60
    max_held_octets: int = 1 << 21  # fragments and early datagrams kept for all half-open SAs together
    max_exchanges: int = 64  # unfinished and lingering ones, per IKE SA
    max_early: int = 4  # datagrams kept per half-open SA that came before phase 1 was done
    max_early_octets: int = 8192  # and how long they may be together
    linger_s: float = 60  # how long a finished exchange answers duplicates
    switch_first_s: float = 0.02  # from message 3 to our first packet on a pair: the peer needs a moment to install it
    switch_s: float = 1.0  # the same where an older pair still carries traffic
    retire_s: float = 15  # how long a superseded SA must have been idle before it is deleted
    max_resent: int = 10  # answers to duplicates of one message
    max_notifies_per_s: int = 10  # of each kind that strangers can call forth
    max_stranger_events: int = 20  # of each code and reason at once
    max_stranger_events_per_s: float = 0.1  # and in the long run: the history is for those who have proved something
    max_told_per_sa: int = 20  # events at once about what anybody may have sent to an IKE SA that others can observe
    max_told_per_sa_per_s: float = 0.1
    max_children_per_peer: int = 256
    max_established: int = 20_000  # IKE SAs of peers that called us
    max_established_per_source: int = 256
    max_ike_sas_per_peer: int = 8  # renewals and collisions that have not been tidied up
    max_spent: int = 1 << 18  # exchanges under one IKE SA; then it has to be made anew


class Core:
    """Tables, timers and outbox. `now` and `effects` belong to the input that is being worked on."""

    def __init__(
        self,
        settings: EngineSettings,
        entropy: Callable[[int], bytes],
        scripts: Mapping[ExchangeType, Outline] = MappingProxyType({}),
    ) -> None:
        self.settings = settings
        self.entropy = entropy
        self.scripts = scripts  # the exchanges that this engine knows
        self.now = 0.0
        self.effects: list[Effect] = []
        self.counters: Counter[str] = Counter()
        self.timers = Timers()
        self.tunnels = Directory()
        self.claims = Claims()  # networks that no peer of a tunnel for many may have
        self.keyring = Keyring()
        self.ike_sas: dict[int, IkeSa] = {}
        self.by_cookie: dict[bytes, IkeSa] = {}
        self.by_first: dict[tuple[bytes, Endpoint], IkeSa] = {}  # responder's SAs by cky_i and source of message 1
        self.farewells: dict[bytes, IkeSa] = {}  # by both cookies: deleted by the peer a moment ago
        self.looked_up: float | None = None  # when we last asked for names to be looked up
        self.half_open = HalfOpen(self.draw)  # responder's SAs that nobody has authenticated
        self.half_open_for = Register[str, IkeSa]()  # the same by the tunnel that is probably meant
        self.initiating: dict[str, IkeSa] = {}  # the phase 1 that we have started for a tunnel and that is not done
        self.initiating_to = Register[Address, IkeSa]()  # the same by where it was begun
        self.established = Register[Peer, IkeSa]()
        self.established_for = Register[str, IkeSa]()  # by each tunnel that they may be used for
        self.established_at = Register[Address, IkeSa]()  # by where the peer is
        self.children: dict[int, Child] = {}
        self.children_of = Register[Peer, Child]()
        self.children_for = Register[str, Child]()  # by tunnel
        self.sending = Register[int, Child]()  # by the peer's inbound SPI, which several peers may choose alike
        self.held = Territory[Child]()  # what peers of tunnels for many have
        self.by_spi: dict[int, Child] = {}  # our inbound SPI
        self.standing: Counter[Standing] = Counter()  # established IKE SAs, as `quota` counts them
        self.neighbours: Counter[Address] = Counter()  # established IKE SAs and pairs by the address of the peer
        self.marked: Counter[Address] = Counter()  # pairs whose ESP comes to the IKE port, in the same way
        self.keepalives: Counter[tuple[Endpoint, Endpoint]] = Counter()  # how many need each mapping
        notifies = Allowance(settings.max_notifies_per_s, settings.max_notifies_per_s)
        events = Allowance(settings.max_stranger_events, settings.max_stranger_events_per_s)
        self._budgets = Budgets({Budget.REFUSAL: notifies, Budget.INVALID_SPI: notifies, Budget.EVENT: events})
        self._hearsay = Allowance(settings.max_told_per_sa, settings.max_told_per_sa_per_s)
        self._serials = count(1)
        self._reqids = count(FIRST_DYNAMIC_REQID)

    # Numbers

    def serial(self) -> int:
        return next(self._serials)

    def reqid(self) -> int:
        """For peers that no configuration names one by one."""
        return next(self._reqids)

    def draw(self, below: int) -> int:
        """A random number for a choice among so many."""
        return int.from_bytes(self.entropy(4), "big") % below

    def cookie(self) -> bytes:
        """Eight random octets, never zero and never one of ours in use."""
        while (cookie := self.entropy(8)) == bytes(8) or cookie in self.by_cookie:
            pass
        return cookie

    def message_id(self, sa: IkeSa) -> int:
        """Random, non-zero, new under this SA (RFC 2408 §3.1); remembered, so that nobody plays it back to us."""
        while (number := int.from_bytes(self.entropy(4), "big")) == 0 or number in sa.spent:
            pass
        sa.spent.append(number)
        return number

    def spi(self, besides: int = 0) -> int:
        """An inbound SPI that no other SA of ours has, and that is not `besides`."""
        while True:
            number = int.from_bytes(self.entropy(4), "big")
            if number >= _LOWEST_SPI and number != besides and number not in self.by_spi:
                return number

    # Tables

    def add_ike_sa(self, sa: IkeSa) -> None:
        self.ike_sas[sa.serial] = sa
        self.by_cookie[sa.own_cookie] = sa
        sa.first_from, sa.first_at = sa.remote, sa.local
        if sa.role is Role.INITIATOR:
            self.initiating[sa.name] = sa
            self.initiating_to.add(sa.first_from.address, sa)
        else:
            self.by_first[sa.cky_i, sa.first_from] = sa
            self.half_open.add(sa)
            self.half_open_for.add(sa.name, sa)

    def forget_ike_sa(self, sa: IkeSa) -> None:
        """Remove an SA with all that hangs on it except its children."""
        if sa.state is IkeState.ESTABLISHED:
            _less(self.neighbours, sa.remote.address)
            self.established_at.remove(sa.remote.address, sa)
            for group in _groups(sa):
                _less(self.standing, group)
        sa.state = IkeState.ENDED
        self.ike_sas.pop(sa.serial, None)
        self.by_cookie.pop(sa.own_cookie, None)
        if sa.role is Role.RESPONDER and sa.first_from is not None:
            self.by_first.pop((sa.cky_i, sa.first_from), None)
        self.close_half_open(sa)
        for peer in sa.peers:
            self.established.remove(peer, sa)
            self.established_for.remove(peer.tunnel, sa)
        self.keep_alive(sa, False)
        self.timers.cancel_owner(sa.serial)

    def keep_alive(self, holder: IkeSa | Child, wanted: bool) -> None:
        """A NAT mapping of ours is kept open while any IKE SA or pair needs it."""
        where = (holder.local, holder.remote) if wanted and holder.tunnel is not None else None
        before, holder.kept_alive = holder.kept_alive, where
        if where == before:
            return
        if where is not None and holder.tunnel is not None:
            self.keepalives[where] += 1
            if self.keepalives[where] == 1:
                self.emit(Keepalive(*where, holder.tunnel.keepalive_s))
        if before is not None:
            _less(self.keepalives, before)
            if before not in self.keepalives:
                self.emit(Keepalive(*before, 0))

    def move(self, holder: IkeSa | Child, local: Endpoint, remote: Endpoint) -> None:
        """The peer is heard at another address or port."""
        if isinstance(holder, Child) or holder.state is IkeState.ESTABLISHED:
            for near in self._near(holder):
                _less(near, holder.remote.address)
                near[remote.address] += 1
            if isinstance(holder, IkeSa):
                self.established_at.remove(holder.remote.address, holder)
                self.established_at.add(remote.address, holder)
        holder.local, holder.remote = local, remote
        if isinstance(holder, IkeSa):
            for exchange in holder.exchanges.values():
                exchange.place = None
        self.keep_alive(holder, holder.kept_alive is not None)

    def mean(self, sa: IkeSa, tunnel: Tunnel) -> None:
        """Which tunnel an SA is for is known better now."""
        if sa in self.half_open:
            self.half_open_for.remove(sa.name, sa)
            self.half_open_for.add(tunnel.name, sa)
        sa.tunnel = tunnel

    def close_half_open(self, sa: IkeSa) -> None:
        """An SA is no longer under negotiation: authenticated, or gone."""
        if self.initiating.get(sa.name) is sa:
            del self.initiating[sa.name]
        if sa.first_from is not None:
            self.initiating_to.remove(sa.first_from.address, sa)
        self.half_open.remove(sa)
        self.half_open_for.remove(sa.name, sa)

    def establish(self, sa: IkeSa) -> None:
        """Phase 1 is done."""
        sa.state, sa.established, sa.heard = IkeState.ESTABLISHED, self.now, self.now
        self.close_half_open(sa)
        self.neighbours[sa.remote.address] += 1
        self.established_at.add(sa.remote.address, sa)
        for group in _groups(sa):
            self.standing[group] += 1
        for peer in sa.peers:
            self.established.add(peer, sa)
            self.established_for.add(peer.tunnel, sa)

    def siblings(self, sa: IkeSa) -> list[IkeSa]:
        """Other established IKE SAs with the same peer for the same tunnel."""
        return [each for each in self.established.of(*sa.peers[:1]) if each is not sa and each.name == sa.name]

    def ike_sa_with(self, peer: Peer) -> IkeSa | None:
        """The IKE SA to use towards a peer: one of that tunnel before one of another, the newest not replaced."""
        return max(
            self.established.of(peer),
            key=lambda sa: (sa.name == peer.tunnel, not sa.superseded, sa.established, sa.serial),
            default=None,
        )

    def add_child(self, child: Child) -> None:
        self.children[child.serial] = child
        for layer in child.layers:
            self.by_spi[layer.spi_in] = child
            self.sending.add(layer.spi_out, child)
        self.children_of.add(child.peer, child)
        self.children_for.add(child.tunnel.name, child)
        if child.tunnel.many_peers:
            self.held.add(child.selector.remote, child)
        for near in self._near(child):
            near[child.remote.address] += 1
        self.keep_alive(child, child.behind_nat)

    def forget_child(self, child: Child) -> bool:
        """Whether it was there."""
        if self.children.pop(child.serial, None) is None:
            return False
        for layer in child.layers:
            self.by_spi.pop(layer.spi_in, None)
            self.sending.remove(layer.spi_out, child)
        self.children_of.remove(child.peer, child)
        self.children_for.remove(child.tunnel.name, child)
        if child.tunnel.many_peers:
            self.held.remove(child.selector.remote, child)
        for near in self._near(child):
            _less(near, child.remote.address)
        self.keep_alive(child, False)
        self.timers.cancel_owner(child.serial)
        return True

    def _near(self, holder: IkeSa | Child) -> tuple[Counter[Address], ...]:
        """Where the address of a peer is counted."""
        marked = isinstance(holder, Child) and holder.encapsulation is Encapsulation.UDP_NON_IKE
        return (self.neighbours, self.marked) if marked else (self.neighbours,)

    def children_with(self, sa: IkeSa) -> list[Child]:
        """The pairs with the peer of an IKE SA, also those of other tunnels that it may use."""
        return self.children_of.of(*sa.peers)

    def affords(self, budget: Budget) -> bool:
        """Whether strangers have not yet made us do this too often; counts where it is done."""
        return self._budgets.affords(budget, self.now)

    # Outbox

    def emit(self, effect: Effect) -> None:
        self.effects.append(effect)

    def send(self, sa: IkeSa, datagram: bytes, place: Place | None = None) -> None:
        """To the peer of an SA, in fragments where it is long and the peer knows how to put them together.

        `place`: where the peer may be now, if that is not where the SA has it.
        """
        local, remote, natt = place or Place(sa.local, sa.remote, sa.natt)
        size = sa.tunnel.fragment_size if sa.tunnel else 0
        room = size - _UDP_AND_IP[remote.address.version] - (_NON_ESP_MARKER if natt else 0)
        pieces: Iterable[bytes] = (datagram,)
        if size and len(datagram) > room and Capability.FRAGMENTATION in sa.capabilities:
            if sa.fragmented != hash(datagram):  # repeated, it keeps its number: what arrived before still counts
                sa.fragmented, sa.fragment_id = hash(datagram), sa.fragment_id % 0xFFFF + 1
            pieces = fragment.split(datagram, sa.fragment_id, room)
        for piece in pieces:
            self.emit(Send(piece, local, remote, natt))

    def report(self, code: Code, sa: IkeSa | None = None, reason: Reason = Reason.NONE, **facts: Fact) -> None:
        """An event of an IKE SA: endpoints are added. What strangers call forth is told only so often, else counted."""
        if sa is not None and sa.is_stranger and not self._budgets.affords(Budget.EVENT, self.now, f"{code} {reason}"):
            self.counters[f"untold-{code}"] += 1
            return
        self.emit(Report(self.event(code, sa, reason, **facts)))

    def event(self, code: Code, sa: IkeSa | None, reason: Reason, **facts: Fact) -> Event:
        """What people are told of an IKE SA."""
        if sa is None:
            return Event(code, "", reason, facts)
        facts = {"local": str(sa.local), "remote": str(sa.remote), "role": str(sa.role), **facts}
        if sa.peer_id is not None:
            facts.setdefault("peer_id", str(sa.peer_id))
        return Event(code, sa.name, reason, {name: cut(fact) for name, fact in facts.items()})

    def report_child(self, code: Code, child: Child, reason: Reason = Reason.NONE, **facts: Fact) -> None:
        """An event of a child."""
        common: dict[str, Fact] = {
            "child": child.name,
            "reqid": child.reqid,
            "selector": str(child.selector),
            "local": str(child.local),
            "remote": str(child.remote),
            "proposal": str(child.proposal),
            "encapsulation": str(child.encapsulation),
            "spi_in": f"{child.spi_in:08x}",
            "spi_out": f"{child.spi_out:08x}",
        }
        if child.around is not None:
            common |= {"ah_spi_in": f"{child.around.spi_in:08x}", "ah_spi_out": f"{child.around.spi_out:08x}"}
        self.emit(Report(Event(code, child.tunnel.name, reason, {**common, **facts})))

    def drop(self, reason: Reason, sa: IkeSa | None = None, **facts: Fact) -> None:
        """A datagram that is thrown away: counted always, reported where it belongs to somebody."""
        self.counters[f"drop-{reason}"] += 1
        if sa is not None:
            self.report_hearsay(Code.DATAGRAM_DROPPED, sa, reason, **facts)

    def report_hearsay(self, code: Code, sa: IkeSa, reason: Reason = Reason.NONE, **facts: Fact) -> None:
        """An event that anybody can call forth who has seen the cookies of an SA: told only so often, else counted."""
        if sa.is_stranger or sa.told.affords(self._hearsay, self.now):
            self.report(code, sa, reason, **facts)
        else:
            self.counters[f"untold-{code}"] += 1


def _less(counter: Counter[Counted], key: Counted) -> None:
    """Count down; what is at zero takes no room."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def _groups(sa: IkeSa) -> tuple[Standing, ...]:
    """What an established IKE SA counts for; whom we have called counts for nothing."""
    return (None, sa.name, source_of(sa.first_from.address)) if sa.first_from is not None else ()
