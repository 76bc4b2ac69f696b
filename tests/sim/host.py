"""One simulated host: an engine, a data plane, keepers, and a clock that may be late, stand still or start anew."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ikevpn.ike.state.effects import (
    STATE_CHANGES,
    AddSa,
    Ask,
    DeleteSa,
    Effect,
    ExportKeys,
    Keepalive,
    MoveSas,
    QuerySa,
    Report,
    Send,
    StateChange,
)
from ikevpn.ike.values.question import Answer
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.sa import Direction, ExpireKind, SaUse
from ikevpn.model.tunnel import Tunnel
from tests.sim.keeper import Keeper, Start
from tests.sim.oracle import Oracle
from tests.sim.packet import Inner, Kind, Packet
from tests.sim.plane import Plane

if TYPE_CHECKING:
    from tests.sim.world import World

IKE_PORT, NATT_PORT = 500, 4500
_ENDS = (Code.PHASE1_FAILED, Code.PHASE2_FAILED, Code.CHILD_DOWN, Code.IKE_DOWN)
_TIMER_PATIENCE = 50


@dataclass(frozen=True, slots=True)
class TunnelPlan:
    """A tunnel of one host, where its peer can be reached (None: nowhere), and who keeps it up."""

    tunnel: Tunnel
    remote: Endpoint | None
    start: Start


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host as the scenario wants it. Timers are up to `lateness_s` late; its clock shows `origin_s` at first."""

    name: str
    address: Address
    tunnels: tuple[TunnelPlan, ...]
    nat: str | None = None
    lateness_s: float = 0.0
    origin_s: float = 0.0


class Host:
    """Performs the effects of its engine and turns what happens into calls of it."""

    def __init__(self, world: World, plan: HostPlan, seed: int) -> None:
        self.plan = plan
        self.name = plan.name
        self.address = plan.address
        self.events: Counter[Code] = Counter()
        self.up = False
        self._world = world
        self._clock = world.clock
        self._seed = seed
        self._rng = random.Random(f"{seed}/{plan.name}/host")
        self._incarnation = 0
        self._oracle = Oracle(f"{seed}/{plan.name}", self.later)
        self._asleep_until = 0.0
        self._closed = False
        self._disturbed = 0.0
        self._armed: float | None = None
        self._alarm = 0
        self._idle_timer_calls = 0

    # life

    def boot(self) -> None:
        """A fresh engine without any memory."""
        self._incarnation += 1
        self.up = True
        self._armed = None
        self._alarm += 1
        entropy = random.Random(f"{self._seed}/{self.name}/{self._incarnation}")
        self.engine = self._world.make_engine(entropy.randbytes)
        tunnels = tuple(plan.tunnel for plan in self.plan.tunnels)
        self.plane = Plane(self._clock, self, tunnels)
        self.keepers = {
            plan.tunnel.name: Keeper(self, plan.tunnel, plan.remote, plan.start) for plan in self.plan.tunnels
        }
        for tunnel in tunnels:
            self.engine.add_tunnel(tunnel)
        for keeper in self.keepers.values():
            keeper.begin()

    def crash(self, down_s: float) -> None:
        """Power off, and on again later; nobody says goodbye."""
        if not self.up:
            return
        self._note(f"crashes for {down_s:.0f} s")
        self.up = False
        self._incarnation += 1
        self._disturbed = self._clock.now + down_s
        self._clock.after(down_s, self.boot)

    def sleep(self, duration_s: float) -> None:
        """The whole host stands still: timers are late, packets are lost."""
        self._note(f"stands still for {duration_s:.0f} s")
        self._asleep_until = max(self._asleep_until, self._clock.now + duration_s)
        self._disturbed = max(self._disturbed, self._asleep_until)

    @property
    def awake(self) -> bool:
        return self.up and self._clock.now >= self._asleep_until

    # commands of people

    def initiate(self, tunnel: str, remote: Endpoint) -> None:
        self._note(f"initiate {tunnel}")
        self.call(lambda now: self.engine.initiate(tunnel, Endpoint(self.address, IKE_PORT), remote, now))

    def terminate(self, tunnel: str, child: str | None) -> None:
        self._note(f"terminate {tunnel} {child or ''}")
        self._disturbed = self._clock.now
        self.call(lambda now: self.engine.terminate(tunnel, now, child))

    def rekey(self, tunnel: str, child: str | None) -> None:
        self._note(f"rekey {tunnel} {child or 'phase 1'}")
        self.call(lambda now: self.engine.rekey(tunnel, now, child))

    def probe(self, tunnel: str) -> None:
        self.call(lambda now: self.engine.probe(tunnel, now))

    def shut_down(self) -> None:
        self._note("shuts down")
        for keeper in self.keepers.values():
            keeper.stop()
        self.call(lambda now: self.engine.shutdown(now))
        self._closed = True

    # packets

    def receive(self, packet: Packet) -> None:
        """Something arrived from the network."""
        if not self.awake or (packet.kind is not Kind.ESP_RAW and packet.target.port not in (IKE_PORT, NATT_PORT)):
            return
        self._world.trace.packet(self._clock.now, self.name, "got", packet)
        if packet.kind is Kind.IKE and self._closed:
            return  # the process that would read it is gone; its engine is only kept to be looked at
        if packet.kind is Kind.IKE:
            natt = packet.target.port == NATT_PORT
            data, local, remote = packet.data, packet.target, packet.source
            self.call(lambda now: self.engine.datagram(data, local, remote, now, natt))
        elif packet.kind is not Kind.KEEPALIVE:
            self.plane.receive(packet)

    def transmit(self, packet: Packet) -> None:
        self._world.trace.packet(self._clock.now, self.name, "sent", packet)
        self._world.network.send(self, packet)

    # events of the data plane

    def delivered(self, inner: Inner) -> None:
        self._world.delivered(self, inner)

    def expired(self, spi: int, direction: Direction, reqid: int, kind: ExpireKind) -> None:
        self._note(f"data plane: {kind} limit of {direction} {spi:08x}")
        self._if_alive(lambda: self.call(lambda now: self.engine.expired(spi, direction, reqid, kind, now)))

    def mapping(self, spi: int, remote: Endpoint) -> None:
        self._note(f"data plane: peer of {spi:08x} is now {remote}")
        self.call(lambda now: self.engine.mapping(spi, remote, now))

    def unknown_spi(self, spi: int, local: Endpoint, remote: Endpoint) -> None:
        self._note(f"data plane: unknown spi {spi:08x} from {remote}")
        self.call(lambda now: self.engine.unknown_spi(spi, local, remote, now))

    def acquire(self, tunnel: str, reqid: int) -> None:
        keeper = self.keepers[tunnel]
        remote = keeper.remote
        if remote is None or keeper.start is not Start.ON_DEMAND:
            return
        self._note(f"data plane: acquire {tunnel} {reqid}")
        local = Endpoint(self.address, IKE_PORT)
        self.call(lambda now: self.engine.acquire(tunnel, reqid, local, remote, now))

    # for keepers

    @property
    def now(self) -> float:
        return self._clock.now

    def child_is_up(self, tunnel: Tunnel, child: str) -> bool:
        selector = next(c.selector for c in tunnel.children if c.name == child)
        return self.plane.outbound(selector.local.first, selector.remote.first) is not None

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call unless the host has crashed meanwhile; a sleeping host is late."""
        incarnation = self._incarnation

        def run() -> None:
            if incarnation != self._incarnation or not self.up:
                return
            if self._clock.now < self._asleep_until:
                self._clock.at(self._asleep_until, run)
                return
            act()

        self._clock.after(delay_s, run)

    def disturbed_since(self, when: float) -> bool:
        return self._disturbed >= when

    def status(self) -> Any:
        """The engine's snapshot."""
        return self.engine.status(self._clock.now + self.plan.origin_s)

    def complain(self, text: str) -> None:
        self._world.complain(f"{self.name}: {text}")

    # the engine

    def call(self, act: Callable[[float], list[Effect]]) -> None:
        """One call of the engine: perform what it says, then arm its timer."""
        if not self.awake:
            return
        for effect in act(self._clock.now + self.plan.origin_s):
            self._perform(effect)
        self._arm()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Send():
                port = NATT_PORT if effect.natt else IKE_PORT
                if effect.local != Endpoint(self.address, port):
                    self.complain(f"sends from {effect.local}, natt={effect.natt}")
                self.transmit(Packet(Kind.IKE, effect.local, effect.remote, effect.data))
            case AddSa():
                self._note(f"add {effect.sa.direction} {effect.sa.spi:08x} reqid {effect.sa.reqid}")
                self.plane.add(effect)
            case DeleteSa():
                self._note(f"delete {effect.direction} {effect.spi:08x} reqid {effect.reqid}")
                self.plane.delete(effect)
            case MoveSas():
                self._note(f"move {' '.join(f'{spi:08x}' for spi in effect.spis)} to {effect.remote}")
                self.plane.move(effect)
            case QuerySa():
                self.later(0.002, lambda: self._answer(effect.spis))
            case Ask():
                self._note(f"asks {effect.question} until {effect.deadline - self.plan.origin_s:.3f}")
                self._oracle.ask(effect, self._world.well, self._answered)
            case Keepalive():
                self.plane.keepalive(effect)
            case Report():
                self._heard(effect.event)
            case _ if isinstance(effect, STATE_CHANGES):
                self._changed(effect)
            case ExportKeys():
                self._world.trace.key(self._clock.now, self.name, effect)

    def _answered(self, asked: Ask, answer: Answer) -> None:
        self._note(f"the oracle says {answer} to {asked.ticket}")
        self.call(lambda now: self.engine.answer(asked.ticket, answer, now))

    def _answer(self, spis: tuple[int, ...]) -> None:
        for use in filter(None, map(self.plane.use, spis)):
            self._used(use)

    def _used(self, use: SaUse) -> None:
        self.call(lambda now: self.engine.sa_used(use, now))

    def _heard(self, event: Event) -> None:
        self._world.trace.event(self._clock.now, self.name, event)
        self.events[event.code] += 1
        if event.code in _ENDS and event.reason is Reason.NONE:
            self.complain(f"{event.code} of {event.tunnel} without a reason")

    def _changed(self, change: StateChange) -> None:
        keeper = self.keepers.get(change.tunnel)
        if keeper is not None:
            keeper.changed(change)

    def _arm(self) -> None:
        due = self.engine.next_timer()
        if due == self._armed:
            return
        self._armed = due
        self._alarm += 1
        if due is None:
            return
        alarm, lateness_s = self._alarm, self.plan.lateness_s * self._rng.random() ** 4
        when = max(due - self.plan.origin_s, self._clock.now) + lateness_s + 1e-6

        def ring() -> None:
            if alarm == self._alarm:
                self._armed = None
                self._ring(due)

        self._clock.after(when - self._clock.now, lambda: self._if_alive(ring))

    def _if_alive(self, act: Callable[[], None]) -> None:
        if self.up and self._clock.now < self._asleep_until:
            self._clock.at(self._asleep_until, lambda: self._if_alive(act))
        elif self.up:
            act()

    def _ring(self, due: float) -> None:
        """A timer that rings again and again without moving on is a busy loop in a real daemon."""
        self.call(self.engine.timer)
        after = self.engine.next_timer()
        stuck = after is not None and after <= self._clock.now + self.plan.origin_s
        self._idle_timer_calls = self._idle_timer_calls + 1 if stuck else 0
        if self._idle_timer_calls > _TIMER_PATIENCE:
            raise RuntimeError(f"{self.name}: the timer of {due:.3f} rings without end")

    def _note(self, text: str) -> None:
        self._world.trace.note(self._clock.now, self.name, text)
