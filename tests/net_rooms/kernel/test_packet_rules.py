"""The text that nftables reads; whether the kernel does what it says is for `tests/net/test_unprotected.py`."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given

from ikevpn.net.kernel.inward import Fate, Pair
from ikevpn.net.kernel.packet_rules import add_pair, read_set, rules, set_name, whole_table
from tests.net_rooms.plan.test_steps import pairs as any_pairs

DISCARD = Pair(Fate.DISCARD, ip_network("10.2.2.0/24"), ip_network("10.1.0.0/16"))
ACCEPT = Pair(Fate.ACCEPT, DISCARD.remote, DISCARD.local)
EXACT = Pair(Fate.ACCEPT, ip_network("10.2.2.9/32"), ip_network("10.1.1.1/32"), 6, 0, 80)
ROUTE6 = Pair(Fate.BY_ROUTE, ip_network("::/0"), ip_network("fd01::/64"), 0, 5000, 0)


@pytest.mark.parametrize(
    ("pair", "name", "element"),
    [
        (DISCARD, "discard4_24_16", "10.2.2.0 . 10.1.0.0"),
        (EXACT, "accept4_32_32_proto_dport", "10.2.2.9 . 10.1.1.1 . 6 . 80"),
        (ROUTE6, "route6_0_64_sport", ":: . fd01:: . 5000"),
    ],
)
def test_sets_by_shape(pair: Pair, name: str, element: str) -> None:
    assert set_name(pair.shape) == name
    assert add_pair("t", pair) == f"add element inet t {name} {{ {element} }}\n"


def test_the_most_exact_first_and_of_equals_the_strictest() -> None:
    assert rules("t", [each.shape for each in (ROUTE6, ACCEPT, DISCARD, EXACT)]).splitlines() == [
        "flush chain inet t inward",
        "add rule inet t inward ip saddr . ip daddr . meta l4proto . th dport @accept4_32_32_proto_dport accept",
        "add rule inet t inward ip6 saddr & :: . ip6 daddr & ffff:ffff:ffff:ffff:: . th sport @route6_0_64_sport"
        " goto by_route",
        "add rule inet t inward ip saddr & 255.255.255.0 . ip daddr & 255.255.0.0 @discard4_24_16 goto discard",
        "add rule inet t inward ip saddr & 255.255.255.0 . ip daddr & 255.255.0.0 @accept4_24_16 accept",
    ]


@given(any_pairs.filter(lambda pair: pair.remote.version == pair.local.version))
def test_a_set_reads_back(pair: Pair) -> None:
    services = [each for each in (pair.protocol, pair.remote_port, pair.local_port) if each]
    element = {"concat": [str(pair.remote.network_address), str(pair.local.network_address), *services]}
    assert read_set({"name": set_name(pair.shape), "elem": [element]}) == (pair.shape, [pair])
    assert read_set({"name": set_name(pair.shape)}) == (pair.shape, [])


def test_sets_of_other_purposes_are_none_of_ours() -> None:
    assert read_set({"name": "tunnel_devices", "elem": ["vpn0"]}) is None


def test_a_whole_table_goes_in_the_place_of_the_old_one() -> None:
    text = whole_table("t", (501, 4501), [DISCARD, ACCEPT], ["vpn0"], (3, 100))
    assert text.startswith("table inet t\ndelete table inet t\ntable inet t {")
    assert "packets 3 bytes 100" in text and "udp dport { 501, 4501 }" in text
    assert text.count('{ "vpn0" }') == 2 and text.count("{ 10.2.2.0 . 10.1.0.0 }") == 2
