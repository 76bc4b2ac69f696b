"""Networks by their prefixes, against asking each of them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.net.plan.covering import Covering

NETWORKS = [
    ip_network(text)
    for text in (
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.3/32",
        "::/0",
        "fd00::/8",
        "fd00::7/128",
        "128.0.0.0/1",
    )
]
ADDRESSES = [ip_address(text) for text in ("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "fd00::7", "2001:db8::1")]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(NETWORKS)), max_size=20))
def test_it_says_what_the_networks_say(changes: list[tuple[bool, object]]) -> None:
    covering, there = Covering(), []
    for comes, network in changes:
        assert hasattr(network, "prefixlen")
        if comes:
            covering.add(network)
            there.append(network)
        elif network in there:
            covering.remove(network)
            there.remove(network)
    for address in ADDRESSES:
        assert covering.covers(address) == any(address in each for each in there)


def test_a_thousand_networks_cost_one_look_for_each_length() -> None:
    covering = Covering()
    for number in range(1000):
        covering.add(ip_network((0x0A000000 + number, 32)))
    assert list(covering._lengths) == [(4, 32)]
    assert covering.covers(ip_address("10.0.3.231"))
    assert not covering.covers(ip_address("10.0.3.232"))
