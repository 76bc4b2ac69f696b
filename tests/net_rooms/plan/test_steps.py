"""Steps as values: what is written down reads back."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.net.kernel.inward import Fate, Pair
from ikevpn.net.kernel.rtnetlink import Route, RouteKind
from ikevpn.net.kernel.rule import Rule, RuleAction
from ikevpn.net.plan.steps import AddAddress, AddPair, AddRoute, AddRule, AddTunnelDevice, SetLinkUp, Step, read_step

devices = st.text("abcdefghijkl0123456789.-_", min_size=1, max_size=15)
addresses = st.ip_addresses()
networks = st.builds(
    lambda address, bits: ip_network((address, min(bits, address.max_prefixlen)), strict=False),
    addresses,
    st.integers(0, 128),
)
routes = st.builds(
    Route,
    network=networks,
    device=devices | st.just(""),
    gateway=st.none() | addresses,
    source=st.none() | addresses,
    metric=st.integers(0, 2**32 - 1),
    mtu=st.integers(0, 65535),
    kind=st.sampled_from(RouteKind),
    table=st.integers(1, 2**32 - 1),
    mtu_locked=st.booleans(),
)
ports = st.integers(0, 65535)
rules = st.builds(
    Rule,
    version=st.sampled_from((4, 6)),
    preference=st.integers(0, 32765),
    action=st.sampled_from(RuleAction),
    target=st.integers(0, 2**32 - 1),
    remote=st.none() | addresses,
    protocol=st.integers(0, 255),
    local_port=ports,
    remote_port=ports,
    mark=st.integers(0, 2**32 - 1),
    own=st.booleans(),
)
pairs = st.builds(
    Pair,
    fate=st.sampled_from(Fate),
    remote=networks,
    local=networks,
    protocol=st.integers(0, 255),
    remote_port=ports,
    local_port=ports,
)
steps = st.one_of(
    st.builds(SetLinkUp, devices),
    st.builds(AddAddress, devices, addresses.map(lambda address: ip_interface(f"{address}/24"))),
    st.builds(AddRoute, routes),
    st.builds(AddRule, rules),
    st.builds(AddPair, pairs),
    st.builds(AddTunnelDevice, devices),
)


@given(steps)
def test_a_step_reads_back(step: Step) -> None:
    assert read_step(json.loads(json.dumps(step.record()))) == step


@pytest.mark.parametrize("record", [{}, {"step": "rule"}, {"step": "link"}, {"step": "address", "device": "a"}])
def test_what_is_no_step_is_refused(record: dict[str, str | int]) -> None:
    with pytest.raises((KeyError, ValueError)):
        read_step(record)


@pytest.mark.parametrize(
    ("route", "place"),
    [
        (Route(ip_network("10.0.0.0/8")), (ip_network("10.0.0.0/8"), 0, 254)),
        (Route(ip_network("fd00::/8")), (ip_network("fd00::/8"), 1024, 254)),
        (Route(ip_network("fd00::/8"), "vpn0", metric=5, table=7), (ip_network("fd00::/8"), 5, 7)),
    ],
)
def test_places_of_routes(route: Route, place: object) -> None:
    assert AddRoute(route).place == place


def test_a_route_in_words() -> None:
    gateway = ip_address("192.0.2.254")
    assert (
        str(Route(ip_network("10.2.0.0/16"), "wan", gateway, metric=7))
        == "10.2.0.0/16 via 192.0.2.254 dev wan metric 7"
    )
    assert str(Route(ip_network("10.2.0.0/16"), kind=RouteKind.BLACKHOLE)) == "blackhole 10.2.0.0/16"
