"""Searches in sorted structures: the route plans of the host, and who has which networks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import cast

from ikevpn.ike.state.keyring import Keyring
from ikevpn.ike.state.timers import Timer, TimerKind, Timers
from ikevpn.model.address import AddressRange
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.territory import Territory
from ikevpn.model.tunnel import SharedSecret, Tunnel
from ikevpn.net.kernel.rtnetlink import Kernel, Route
from ikevpn.net.plan.journal import Journal
from ikevpn.net.plan.ledger import Ledger
from ikevpn.net.plan.routes import plan_blocks, plan_routes
from ikevpn.net.plan.steps import Plan
from tests.growth.measure import LOOKUP, Costs, Step, median_us, tidy

STEPS = {
    step.name: step
    for step in (
        Step("adding a route plan", LOOKUP),
        Step("the same plan again", LOOKUP),
        Step("removing a route plan", LOOKUP),
        Step("who has a network", LOOKUP),
        Step("setting and ringing a timer", LOOKUP),
        Step("pre-shared key of a peer", LOOKUP),
    )
}


class _Kernel:
    """Takes every route."""

    def add_route(self, route: Route) -> bool:
        return True

    def renew_route(self, route: Route) -> bool:
        return True

    def delete_route(self, route: Route) -> None:
        pass


def grow(counts: Sequence[int], tries: int) -> Iterator[tuple[int, Costs]]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(cast(Kernel, _Kernel()), Journal(Path(folder) / "journal"))
        territory, timers, standing = Territory[int](), Timers(), 0
        for count in counts:
            for number in range(standing, count):
                ledger.apply(f"t{number}", _plan(number))
                territory.add(_network(number), number)
                timers.set(Timer(TimerKind.CHILD_EXPIRE, number), 1e6 + number * 7919 % 3600)
            standing = count
            keyring = Keyring([_entry(number) for number in range(count)])
            tidy()
            yield count, {**_plans(ledger, count, tries), **_searches(territory, timers, keyring, count, tries)}


def _plans(ledger: Ledger, count: int, tries: int) -> Costs:
    return {
        "adding a route plan": median_us(lambda n: ledger.apply(f"t{count + n}", _plan(count + n)), tries, 3),
        "the same plan again": median_us(lambda n: ledger.apply(f"t{count + n}", _plan(count + n)), tries, 3),
        "removing a route plan": median_us(lambda n: ledger.undo(f"t{count + n}"), tries, 3),
    }


def _searches(territory: Territory[int], timers: Timers, keyring: Keyring, count: int, tries: int) -> Costs:
    def ring(number: int) -> None:
        timers.set(Timer(TimerKind.DPD, 1 << 20), 1.0 + number)
        assert timers.pop_due(1.0 + number) is not None

    def key(number: int) -> None:
        entry = _entry(number % count)
        assert entry.identity is not None
        assert keyring.best(_ANYBODY, IPv4Address("203.0.113.1"), entry.identity) is not None

    return {
        "who has a network": median_us(lambda n: list(territory.overlapping(_network(n % count))), tries, 10),
        "setting and ringing a timer": median_us(ring, tries, 10),
        "pre-shared key of a peer": median_us(key, tries, 10),
    }


_ANYBODY = Tunnel("any", (), (), ())


def _plan(number: int) -> Plan:
    networks = [IPv4Network((int(IPv4Address("10.1.0.0")) + number, 32))]
    return plan_blocks(networks) + plan_routes(networks, "ikevpn0", 100)


def _network(number: int) -> AddressRange:
    return AddressRange.of_address(IPv4Address("10.1.0.0") + number)


def _entry(number: int) -> SharedSecret:
    return SharedSecret(Secret(b"of %d" % number), identity=Identity.of(f"peer{number}.example"))
