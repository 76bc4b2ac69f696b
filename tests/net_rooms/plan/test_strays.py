"""What nobody knows of goes, what is known stays, and a kernel that refuses keeps nobody from starting."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikevpn.errors import HostError
from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.net.kernel.inward import Fate, Pair
from ikevpn.net.kernel.rtnetlink import Route, RouteKind
from ikevpn.net.plan.rules import plan_nowhere, plan_outside
from ikevpn.net.plan.steps import AddPair, AddRoute, AddRule, AddTunnelDevice
from ikevpn.net.plan.strays import sweep

BLOCK = Route(ip_network("10.2.2.0/24"), metric=2_000_000_000, kind=RouteKind.BLACKHOLE)
OTHER = Route(ip_network("10.3.3.0/24"), metric=2_000_000_000, kind=RouteKind.BLACKHOLE)
PAIR, DEVICE = (
    AddPair(Pair(Fate.DISCARD, ip_network("10.2.2.0/24"), ip_network("10.1.1.0/24"))),
    AddTunnelDevice("vpn0"),
)
TCP = Selector(AddressRange.of("192.0.2.1"), AddressRange.of("203.0.113.2"), 6)
KNOWN, STRAY = (
    (*plan_outside([4], ()), *plan_nowhere(ip_address(text), [TCP])) for text in ("203.0.113.2", "203.0.113.3")
)


class Packets:
    """Our table, and those of other state folders."""

    def __init__(self) -> None:
        self.pairs, self.devices, self.tables = {PAIR.pair}, {"vpn0"}, ["ikevpn_12345678"]

    def content(self) -> tuple[set[Pair], set[str]]:
        return set(self.pairs), set(self.devices)

    def add_pair(self, pair: Pair) -> None:
        assert pair in self.pairs

    def add_device(self, device: str) -> None:
        assert device in self.devices

    def delete_pair(self, pair: Pair) -> None:
        self.pairs.remove(pair)

    def delete_device(self, device: str) -> None:
        self.devices.remove(device)

    def others(self) -> list[str]:
        return self.tables[:]

    def delete_other(self, name: str) -> None:
        self.tables.remove(name)


class Kernel:
    """Routes and rules of IPv4 with our protocol number; there is no IPv6."""

    def __init__(self) -> None:
        steps = dict.fromkeys((*KNOWN, *STRAY))
        self.rules = [step.rule for step in steps if isinstance(step, AddRule)]
        self.routes = [BLOCK, OTHER]
        self.packets = Packets()
        self.stubborn = False

    def own_rules(self, version: int) -> list[Any]:
        if version == 6:
            raise HostError("listing the rules failed: address family not supported by protocol")
        return self.rules[:]

    def own_routes(self, version: int) -> list[Any]:
        return self.routes[:]

    def delete_rule(self, rule: Any) -> None:
        self.rules.remove(rule)

    def add_rule(self, rule: Any) -> None:
        if rule not in self.rules:
            self.rules.append(rule)

    def delete_route(self, route: Any) -> None:
        if self.stubborn:
            raise HostError(f"deleting the route {route} failed: operation not permitted")
        self.routes.remove(route)

    def renew_route(self, route: Any) -> None:
        assert route in self.routes


def test_what_nobody_knows_of_goes() -> None:
    kernel: Any = Kernel()
    sweep(kernel, (AddRoute(BLOCK), *KNOWN))
    assert kernel.routes == [BLOCK]
    assert (kernel.packets.pairs, kernel.packets.devices, kernel.packets.tables) == (set(), set(), [])
    assert set(map(AddRule, kernel.rules)) == set(KNOWN)


def test_what_is_known_in_our_table_stays() -> None:
    kernel: Any = Kernel()
    sweep(kernel, (PAIR, DEVICE))
    assert (kernel.packets.pairs, kernel.packets.devices, kernel.packets.tables) == ({PAIR.pair}, {"vpn0"}, [])


def test_a_refusal_is_logged_and_the_rest_goes_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    kernel: Any = Kernel()
    kernel.stubborn = True
    sweep(kernel, KNOWN)
    assert "operation not permitted" in caplog.text and "10.3.3.0/24" in caplog.text
    assert set(map(AddRule, kernel.rules)) == set(KNOWN)
