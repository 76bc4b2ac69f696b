"""Which pairs a tunnel has, and what becomes of packets between them in the clear."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.net.kernel.inward import Fate, Pair
from ikevpn.net.plan.steps import AddPair, AddTunnelDevice, Plan
from ikevpn.net.plan.unprotected import plan_accept, plan_discard, plan_discard_routed

LOCAL, REMOTE = ip_network("10.1.0.0/16"), ip_network("10.2.2.0/24")
PARIS = Selector(AddressRange.of_network(LOCAL), AddressRange.of_network(REMOTE))


def pairs(plan: Plan) -> list[Pair]:
    """All but the device, which comes first: what it brings in must pass before anything is discarded."""
    device, *rest = plan
    assert device == AddTunnelDevice("vpn0")
    return [step.pair for step in rest if isinstance(step, AddPair)]


@pytest.mark.parametrize(
    ("local", "remote", "fate"),
    [
        ("10.1.0.0/16", "10.2.2.0/24", Fate.DISCARD),
        ("10.1.0.0/16", "11.0.0.0/8", Fate.DISCARD),
        ("10.1.0.0/16", "10.0.0.0/8", Fate.BY_ROUTE),  # ours lies in it
        ("10.1.0.0/16", "12.0.0.0/7", Fate.BY_ROUTE),
        ("10.1.0.0/16", "0.0.0.0/0", Fate.BY_ROUTE),
        ("0.0.0.0/0", "10.2.2.0/24", Fate.BY_ROUTE),
        ("fd01::/64", "fd02::/64", Fate.DISCARD),
        ("fd01::/64", "::/0", Fate.BY_ROUTE),
    ],
)
def test_fates(local: str, remote: str, fate: Fate) -> None:
    selector = Selector(AddressRange.of(local), AddressRange.of(remote))
    assert pairs(plan_discard([selector], "vpn0")) == [Pair(fate, ip_network(remote), ip_network(local))]


def test_a_network_of_another_pair_is_ours_too() -> None:
    """Local 10.1 to remote 10.0.0.0/8 and local 10.7: the one LAN of ours reaches the other."""
    selectors = [
        Selector(AddressRange.of("172.16.0.0/16"), AddressRange.of("10.0.0.0/8")),
        Selector(AddressRange.of("10.7.0.0/16"), AddressRange.of("192.168.0.0/16")),
    ]
    assert [pair.fate for pair in pairs(plan_discard(selectors, "vpn0"))] == [Fate.BY_ROUTE, Fate.DISCARD]


def test_ports_are_the_peers_and_ours_and_icmp_has_none() -> None:
    tcp = Selector(PARIS.local, PARIS.remote, 6, 80, 1024)
    ping = Selector(PARIS.local, PARIS.remote, 1, 8, 8)
    assert pairs(plan_discard([tcp, ping], "vpn0")) == [
        Pair(Fate.DISCARD, REMOTE, LOCAL, 6, remote_port=1024, local_port=80),
        Pair(Fate.DISCARD, REMOTE, LOCAL, 1),
    ]


def test_a_range_is_many_networks() -> None:
    five = Selector(PARIS.local, AddressRange(ip_address("10.2.2.5"), ip_address("10.2.2.9")))
    assert [str(pair.remote) for pair in pairs(plan_discard([five], "vpn0"))] == [
        "10.2.2.5/32",
        "10.2.2.6/31",
        "10.2.2.8/31",
    ]


def test_exceptions() -> None:
    assert pairs(plan_accept([PARIS, PARIS], "vpn0")) == [Pair(Fate.ACCEPT, REMOTE, LOCAL)]


def test_routes_decide_for_a_route_based_tunnel() -> None:
    everything = ip_network("0.0.0.0/0")
    anything = Selector(AddressRange.everything(), AddressRange.everything())
    assert pairs(plan_discard_routed([anything], [REMOTE], "vpn0")) == [
        Pair(Fate.BY_ROUTE, REMOTE, everything),
        Pair(Fate.BY_DEVICE, everything, everything),
    ]
