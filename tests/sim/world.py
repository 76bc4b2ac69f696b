"""One run: builds what a scenario says, lets it happen, and asks the invariants."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.sim import invariants, oracle
from tests.sim.clock import Clock
from tests.sim.engine import EngineFactory, real_engine
from tests.sim.host import Host
from tests.sim.keeper import Start
from tests.sim.nat import Nat
from tests.sim.network import Network, forged
from tests.sim.oracle import asking_engine
from tests.sim.packet import Inner
from tests.sim.scenario import Command, Flow, NatPlan, Scenario, Verb
from tests.sim.trace import Trace

_CHAOS_PACKET_S = 17.0
_QUIET_PACKET_S = 9.0
_FORGERY_S = 11.0
LINGER_S = 900.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed; `violations` empty means that every invariant held."""

    seed: int
    title: str
    violations: tuple[str, ...]
    digest: str
    datagrams: int
    lines: tuple[str, ...]


class World:
    """Hosts, network and clock of one scenario."""

    def __init__(self, scenario: Scenario, make_engine: EngineFactory, keep_trace: bool = False) -> None:
        self.scenario = scenario
        self.make_engine = make_engine
        self.clock = Clock()
        self.trace = Trace(keep_trace)
        self.violations: list[str] = []
        self.sent: dict[int, tuple[float, Flow, str]] = {}
        self.arrived: set[int] = set()
        self.quiet_began = float("inf")
        self.well = False  # network and oracles are
        self.quiet_datagrams = 0
        self.quiet_events = 0
        self._rng = random.Random(f"{scenario.seed}/world")
        self._numbers = 0
        self.network = Network(self.clock, scenario.weather, random.Random(f"{scenario.seed}/net"), self.trace)
        self.nats = {plan.name: self._nat(plan) for plan in scenario.nats}
        self.hosts = {plan.name: Host(self, plan, scenario.seed) for plan in scenario.hosts}
        for host in self.hosts.values():
            self.network.attach(host, self.nats.get(host.plan.nat or ""))

    def _nat(self, plan: NatPlan) -> Nat:
        return Nat(
            plan.name, plan.kind, plan.public, plan.timeout_s, random.Random(f"{self.scenario.seed}/{plan.name}")
        )

    def run(self) -> Outcome:
        """All phases. An exception from an engine ends the run and is a violation like any other."""
        try:
            self._chaos()
            self._recovery()
            invariants.after_quiet(self)
            self._goodbye()
            invariants.after_goodbye(self)
        except Exception:
            self.complain("exception\n" + traceback.format_exc())
        scenario = self.scenario
        return Outcome(
            scenario.seed,
            scenario.title,
            tuple(self.violations),
            self.trace.digest,
            self.network.ike_datagrams,
            tuple(self.trace.lines),
        )

    def complain(self, text: str) -> None:
        """An invariant does not hold."""
        self.violations.append(f"at {self.clock.now:.3f} {text}")
        self.trace.note(self.clock.now, "!!", text)

    def delivered(self, host: Host, inner: Inner) -> None:
        """A user's packet came out of a tunnel."""
        _, flow, sender = self.sent[inner.number]
        expected = flow.second if sender == flow.first else flow.first
        if host.name != expected:
            self.complain(f"packet {inner.number} from {sender} came out at {host.name}, not at {expected}")
        self.arrived.add(inner.number)

    def send(self, flow: Flow, sender: str, size: int) -> None:
        """One packet of a flow, unless the host is down."""
        host = self.hosts[sender]
        if not host.awake:
            return
        self._numbers += 1
        number = self._numbers
        forwards = sender == flow.first
        source, target = (flow.source, flow.target) if forwards else (flow.target, flow.source)
        self.sent[number] = (self.clock.now, flow, sender)
        left = host.plane.send(Inner(number, source, target, size))
        self.trace.note(self.clock.now, sender, f"packet {number} {'leaves' if left else 'is dropped, there is no SA'}")

    # phases

    def _chaos(self) -> None:
        scenario, rng = self.scenario, self._rng
        for host in self.hosts.values():
            self.clock.at(rng.choice((0.0, 0.0, 0.5, 3.0)), host.boot)
        for command in scenario.commands:
            self.clock.at(command.at_s, self._order(command))
        self._traffic(_CHAOS_PACKET_S, scenario.chaos_s)
        if scenario.attacked:
            self._repeat(_FORGERY_S, scenario.chaos_s + scenario.heal_s + scenario.quiet_s, self._forge)
        self.clock.run_until(scenario.chaos_s)

    def _recovery(self) -> None:
        scenario = self.scenario
        self.trace.note(self.clock.now, "net", "the network is well from here on")
        self.network.heal()
        self.well = True
        self.clock.run_until(self.clock.now + 100.0)  # reboots and naps that began in the chaos end
        for host in self.hosts.values():
            for keeper in host.keepers.values():
                keeper.want(True)
        healed = self.clock.now + scenario.heal_s
        self._traffic(_CHAOS_PACKET_S, healed)
        self.clock.run_until(healed)
        self.trace.note(self.clock.now, "net", "from here on nothing may be lost")
        invariants.before_quiet(self)
        calm = self.clock.now + scenario.quiet_s
        self._traffic(_QUIET_PACKET_S, calm)
        self._repeat(30.0, calm, lambda: invariants.during_quiet(self))
        self.clock.run_until(calm + 5.0)

    def _goodbye(self) -> None:
        for host in self._rng.sample(list(self.hosts.values()), len(self.hosts)):
            host.shut_down()
            self.clock.run_until(self.clock.now + self._rng.choice((0.0, 0.05, 2.0)))
        self.clock.run_until(self.clock.now + LINGER_S)

    # things that happen

    def _repeat(self, period_s: float, end: float, act: Callable[[], None]) -> None:
        def again() -> None:
            if self.clock.now <= end:
                act()
                self.clock.after(period_s * self._rng.uniform(0.7, 1.3), again)

        self.clock.after(period_s * self._rng.random(), again)

    def _traffic(self, period_s: float, end: float) -> None:
        for flow in self.scenario.flows:
            for sender in (flow.first, flow.second):
                self._repeat(period_s, end, partial(self._send_some, flow, sender))

    def _send_some(self, flow: Flow, sender: str) -> None:
        self.send(flow, sender, 1000)

    def _forge(self) -> None:
        if self.network.recent:
            packet = forged(self._rng.choice(self.network.recent), self._rng)
            self.trace.packet(self.clock.now, "attacker", "forges", packet)
            self.network.inject(packet)

    def _order(self, command: Command) -> Callable[[], None]:
        return lambda: self._obey(command)

    def _obey(self, command: Command) -> None:
        match command.verb:
            case Verb.BLACKOUT:
                self.network.black_out(command.seconds)
            case Verb.FORGE:
                self._forge()
            case Verb.REBIND:
                if command.host in self.nats:
                    self.trace.note(self.clock.now, command.host, "forgets its mappings")
                    self.nats[command.host].rebind()
            case Verb.BURST:
                for flow in self.scenario.flows:
                    for _ in range(20):
                        self.send(flow, flow.first, 1000)
            case _:
                self._obey_at(self.hosts[command.host], command)

    def _obey_at(self, host: Host, command: Command) -> None:
        if command.verb is Verb.CRASH:
            host.crash(min(command.seconds, 90.0))
        if not host.awake:
            return
        keeper = host.keepers[command.tunnel]
        match command.verb:
            case Verb.SLEEP:
                host.sleep(command.seconds)
            case Verb.INITIATE:
                if keeper.remote is not None:
                    host.initiate(command.tunnel, keeper.remote)
            case Verb.TERMINATE:
                keeper.want(False)
                host.terminate(command.tunnel, command.child)
                host.later(command.seconds, lambda: keeper.want(keeper.start is Start.UP))
            case Verb.REKEY:
                host.rekey(command.tunnel, command.child)
            case Verb.PROBE:
                host.probe(command.tunnel)


def simulate(scenario: Scenario, make_engine: EngineFactory | None = None, keep_trace: bool = False) -> Outcome:
    """Run one scenario from beginning to end."""
    usual = asking_engine if oracle.asks(scenario.seed) else real_engine
    return World(scenario, make_engine or usual, keep_trace).run()
