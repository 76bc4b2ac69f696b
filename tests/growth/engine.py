"""The IKE engine of a responder with so many tunnels up. Two engines hand each other their datagrams; both are real."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Address

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import AddSa, Effect, QuerySa, Report, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import Direction, SaUse
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, Phase1Mode, Tunnel
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity, Protocol
from tests.growth.measure import Clock, Costs, Step, cool, tidy

US = Endpoint.of("198.18.0.2", 500)
_LONG = Lifetime(seconds=100 * 86400)
_NEVER_S = 10 * 86400.0
_SETTLED_S = 100.0
"""By then what was superseded is deleted and finished exchanges are forgotten."""
_SECRET = Secret(b"the same for everybody")
_UNKNOWN_SPI = 0xDEAD0000
_BETWEEN_S = 0.2
"""Strangers may have only so much done per second."""
_STRANGERS = IPv4Address("203.0.112.0")
_MEMORY_OF = 200
"""More tunnels do not change what one takes, and tracing memory is slow."""

STEPS = {
    step.name: step
    for step in (
        Step("set-up"),
        Step("rekey of a pair"),
        Step("rekey of phase 1"),
        Step("DPD round, who asks"),
        Step("DPD round, who answers"),
        Step("delete"),
        Step("timer with nothing due"),
        Step("unknown SPI"),
        Step("acquire"),
        Step("traffic seen on an SA"),
        Step("first message of a stranger"),
        Step("status of one tunnel"),
        Step("adding and removing a tunnel"),
        Step("memory of a tunnel", unit="KiB"),
    )
}


class Shape(StrEnum):
    """How the responder knows its peers."""

    NAMED = "a named tunnel for each peer"
    ANY = 'one tunnel with `remote = "any"` for all peers'
    ANY_EACH = 'a tunnel with `remote = "any"` for each peer, told apart by `remote_id`'
    ANY_AGGRESSIVE = "the same in aggressive mode, each with a secret of its own"


class Pair:
    """`callers` has one tunnel for each peer, from an address of its own; `box` answers, and is what is measured."""

    def __init__(self, shape: Shape) -> None:
        settings = EngineSettings(switch_first_s=0, switch_s=0, max_half_open=1 << 20, max_established=1 << 20)
        self.shape = shape
        self.callers = Engine(settings, random.Random("callers").randbytes)
        self.box = Engine(settings, random.Random("box").randbytes)
        self.now, self.clock, self.theirs = 1000.0, Clock(), Clock()
        self.inbound: dict[Endpoint, int] = {}  # the newest SPI of the box, by caller
        self.pairs_up = 0
        self._configured = 0
        self._wire: deque[tuple[bool, Send]] = deque()
        if shape is Shape.ANY:
            everything = Selector(AddressRange.of("10.128.0.0/9"), AddressRange.of("10.0.0.0/9"))
            self.box.add_tunnel(_tunnel("all", children=(Child("net", 1, everything),), max_peers=1 << 20))

    # What both know

    def _mine(self, number: int) -> Tunnel:
        """The caller's side of a tunnel."""
        ours, theirs = _networks(number)
        child = Child("net", 1 + number, Selector(ours, theirs))
        them = (AddressRange.of_address(US.address),)
        return _tunnel(f"t{number}", children=(child,), remotes=them, **self._identity(number, "local_id"))

    def tunnel(self, number: int) -> Tunnel:
        """The box's side."""
        ours, theirs = _networks(number)
        child = Child("net", 1 + number, Selector(theirs, ours))
        named = (AddressRange.of_address(caller(number).address),) if self.shape is Shape.NAMED else ()
        return _tunnel(f"h{number}", children=(child,), remotes=named, **self._identity(number, "remote_id"))

    def _identity(self, number: int, key: str) -> dict[str, object]:
        if self.shape is Shape.ANY_EACH:
            return {key: Identity.of(f"peer{number}.example")}
        if self.shape is Shape.ANY_AGGRESSIVE:
            own = {"psk": Secret(b"of %d" % number), "mode": Phase1Mode.AGGRESSIVE, "answer_aggressive": True}
            return {key: Identity.of(f"peer{number}.example"), **own}
        return {}

    # Life

    def configure(self, count: int) -> None:
        """Tunnels that are there and may be up or down."""
        for number in range(self._configured, count):
            self.callers.add_tunnel(self._mine(number))
            if self.shape is not Shape.ANY:
                self.box.add_tunnel(self.tunnel(number))
        self._configured = max(count, self._configured)

    def call(self, number: int) -> None:
        """A peer brings its tunnel up."""
        self._call(lambda: self.callers.initiate(f"t{number}", caller(number), US, self.now))

    def rekey(self, number: int, child: str | None = None) -> None:
        self._call(lambda: self.callers.rekey(f"t{number}", self.now, child))

    def hang_up(self, number: int) -> None:
        self._call(lambda: self.callers.terminate(f"t{number}", self.now))

    def probe(self, number: int) -> None:
        """A peer asks the box whether it lives."""
        self._call(lambda: self.callers.probe(f"t{number}", self.now))

    def acquire(self, number: int) -> None:
        """A packet of a peer wants into a tunnel that is down; what follows is not measured here."""
        with self.theirs.running():
            effects = self.callers.acquire(f"t{number}", 1 + number, caller(number), US, self.now)
        self._take(effects, at_box=False)

    def tell(self, act: Callable[[], list[Effect]]) -> None:
        """An input of the box, and what follows from it."""
        with self.clock.running():
            effects = act()
        self._take(effects, at_box=True)
        self._deliver()

    def stranger(self, number: int) -> None:
        """The first message of a peer comes from an address that nobody has mentioned."""
        with self.theirs.running():
            effects = self.callers.initiate(f"t{number}", caller(number), US, self.now)
        first = next(effect for effect in effects if isinstance(effect, Send))
        with self.clock.running():
            self.box.datagram(first.data, first.remote, Endpoint(_STRANGERS + number, 500), self.now)
        self.callers.terminate(f"t{number}", self.now)

    def just_used(self, number: int) -> SaUse:
        """What the data plane says where there is traffic."""
        return SaUse(self.inbound[caller(number)], Direction.IN, idle_s=1)

    def add_and_remove(self, number: int) -> None:
        extra = replace(self.tunnel(number), name="extra")
        with self.clock.running():
            self.box.add_tunnel(extra)
            self.box.remove_tunnel("extra")

    def status(self, number: int) -> None:
        with self.clock.running():
            found = self.box.status(self.now, self.tunnel(number).name)
        assert len(found.children) == 1

    def later(self, seconds: float) -> None:
        """Let time pass and ring what is due."""
        end = self.now + seconds
        self._deliver()
        while True:
            due = [(at, side) for side in (True, False) if (at := self._engine(side).next_timer()) is not None]
            at, at_box = min(due, default=(end + 1, False))
            if at > end:
                break
            self.now = max(self.now, at)
            self._take(self._engine(at_box).timer(self.now), at_box=at_box)
            self._deliver()
        self.now = end

    def expect_up(self, count: int) -> None:
        """Raises RuntimeError where another number of tunnels is up."""
        if self.pairs_up != count:
            raise RuntimeError(f"{self.pairs_up} tunnels are up instead of {count}")

    def forget_box(self) -> None:
        """Let go of everything that the box has."""
        self.box = Engine(EngineSettings(), random.Random("box").randbytes)

    def _call(self, act: Callable[[], list[Effect]]) -> None:
        with self.theirs.running():
            effects = act()
        self._take(effects, at_box=False)
        self._deliver()

    def _engine(self, at_box: bool) -> Engine:
        return self.box if at_box else self.callers

    def _deliver(self) -> None:
        while self._wire:
            from_box, sent = self._wire.popleft()
            to_box = not from_box
            with (self.clock if to_box else self.theirs).running():
                effects = self._engine(to_box).datagram(sent.data, sent.remote, sent.local, self.now, sent.natt)
            self._take(effects, at_box=to_box)

    def _take(self, effects: list[Effect], *, at_box: bool) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._wire.append((at_box, effect))
            elif isinstance(effect, AddSa) and at_box and effect.sa.direction is Direction.IN:
                self.inbound[effect.sa.remote] = effect.sa.spi
            elif isinstance(effect, Report) and at_box:
                self.pairs_up += (effect.event.code is Code.CHILD_UP) - (effect.event.code is Code.CHILD_DOWN)
            elif isinstance(effect, QuerySa):
                self._no_traffic(effect.spis, at_box=at_box)

    def _no_traffic(self, spis: Sequence[int], *, at_box: bool) -> None:
        """So that what was superseded goes."""
        for spi in spis:
            silence = SaUse(spi, Direction.IN, idle_s=3600.0)
            self._take(self._engine(at_box).sa_used(silence, self.now), at_box=at_box)


def _tunnel(name: str, **changes: object) -> Tunnel:
    plain: dict[str, object] = {
        "name": name,
        "ike_proposals": (IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.ECP_256),),
        "ipsec_proposals": (IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1, Group.NONE),),
        "psk": _SECRET,
        "dpd_interval_s": _NEVER_S,
        "ike_lifetime": _LONG,
        "ipsec_lifetime": _LONG,
    }
    return Tunnel(**{**plain, **changes})  # type: ignore[arg-type]


def caller(number: int) -> Endpoint:
    return Endpoint(IPv4Address("198.19.0.0") + 1 + number, 500)


def _networks(number: int) -> tuple[AddressRange, AddressRange]:
    """The caller's and the box's."""
    return tuple(AddressRange.of_address(IPv4Address(base) + number) for base in ("10.1.0.0", "10.200.0.0"))  # type: ignore[return-value]


class _Sampling:
    """Which tunnels a step is tried on: spread over all that are up, and some that are not."""

    def __init__(self, pair: Pair, standing: int, tries: int) -> None:
        self._pair = pair
        self.spread = [standing * each // tries for each in range(tries)]
        self.fresh = range(standing, standing + tries)

    def at_box(self, act: Callable[[int], object], numbers: Sequence[int], *, cold: bool = False) -> float:
        """What the box uses for each."""
        return self._cost(self._pair.clock, act, numbers, cold=cold)

    def at_callers(self, act: Callable[[int], object], numbers: Sequence[int]) -> float:
        """The same for the callers, whose engine has as many tunnels."""
        return self._cost(self._pair.theirs, act, numbers)

    def _cost(self, clock: Clock, act: Callable[[int], object], numbers: Sequence[int], *, cold: bool = False) -> float:
        """`cold`: a small step finds its code in the caches of the processor, and not its tunnel, be it one of ten."""
        found = []
        for place, number in enumerate(numbers):
            if cold:
                cool()
                act(numbers[(place + len(numbers) // 2) % len(numbers)])
                self._pair.now += _BETWEEN_S
            clock.taken_us()
            act(number)
            self._pair.now += _BETWEEN_S
            found.append(clock.taken_us())
        return clock.typical(found)


def grow(
    shape: Shape, counts: Sequence[int], tries: int, clock: Callable[[], Clock] = Clock
) -> Iterator[tuple[int, Costs]]:
    """Bring so many up, and measure at each of the counts."""
    pair = Pair(shape)
    for count in counts:
        before, pair.clock, pair.theirs = pair.pairs_up, Clock(), Clock()
        pair.configure(count)
        for number in range(before, count):
            pair.call(number)
        pair.later(_SETTLED_S)
        pair.expect_up(count)
        pair.clock, pair.theirs = clock(), clock()
        yield count, {**_measure(pair, count, tries), "memory of a tunnel": memory_kib(shape, min(count, _MEMORY_OF))}


def _measure(pair: Pair, standing: int, tries: int) -> Costs:
    some = _Sampling(pair, standing, tries)
    pair.configure(some.fresh.stop)
    tidy()
    costs = {"set-up": some.at_box(pair.call, some.fresh)}
    pair.expect_up(some.fresh.stop)
    costs["delete"] = some.at_box(pair.hang_up, some.fresh)
    pair.expect_up(standing)
    costs["rekey of a pair"] = some.at_box(lambda number: pair.rekey(number, "net"), some.spread)
    costs["rekey of phase 1"] = some.at_box(pair.rekey, some.spread)
    pair.later(_SETTLED_S)
    costs["DPD round, who asks"] = some.at_callers(pair.probe, some.spread)
    costs["DPD round, who answers"] = some.at_box(pair.probe, some.spread)
    costs["acquire"] = some.at_callers(pair.acquire, some.fresh)
    pair.later(_SETTLED_S)
    pair.expect_up(some.fresh.stop)
    for number in some.fresh:
        pair.hang_up(number)
    pair.expect_up(standing)
    costs |= _inputs(pair, some)
    pair.later(_SETTLED_S)
    return costs


def _inputs(pair: Pair, some: _Sampling) -> Costs:
    """Steps that are one input of the box and nothing more."""
    box, spread = pair.box, some.spread
    steps: dict[str, Callable[[int], object]] = {
        "timer with nothing due": lambda _: pair.tell(lambda: box.timer(pair.now)),
        "unknown SPI": lambda number: pair.tell(lambda: box.unknown_spi(_UNKNOWN_SPI, US, caller(number), pair.now)),
        "traffic seen on an SA": lambda number: pair.tell(lambda: box.sa_used(pair.just_used(number), pair.now)),
    }
    costs = {name: some.at_box(act, spread, cold=True) for name, act in steps.items()}
    costs["first message of a stranger"] = some.at_box(pair.stranger, some.fresh)
    costs["adding and removing a tunnel"] = some.at_box(pair.add_and_remove, some.fresh, cold=True)
    if pair.shape is not Shape.ANY:  # whose one tunnel has all peers
        costs["status of one tunnel"] = some.at_box(pair.status, spread, cold=True)
    return costs


def memory_kib(shape: Shape, count: int) -> float:
    """What one more tunnel takes of the box, up and at rest."""
    pair = Pair(shape)
    gc.collect()
    tracemalloc.start()
    try:
        pair.configure(count)
        for number in range(count):
            pair.call(number)
        pair.later(_SETTLED_S)
        gc.collect()
        with_box = tracemalloc.get_traced_memory()[0]
        pair.forget_box()
        gc.collect()
        return (with_box - tracemalloc.get_traced_memory()[0]) / count / 1024
    finally:
        tracemalloc.stop()
