"""Plans of rules: what they say, without a kernel."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.net.kernel.rule import HOSTS_TABLE, Rule, RuleAction
from ikevpn.net.plan.rules import plan_into, plan_nowhere, plan_outside, plan_tunnels_table, plan_ways_table
from ikevpn.net.plan.steps import AddRoute, AddRule, Plan

PEER = {4: ip_address("192.0.2.2"), 6: ip_address("2001:db8::2")}


def rules(plan: Plan) -> list[Rule]:
    return [step.rule for step in plan if isinstance(step, AddRule)]


def selector(protocol: int = 0, local_port: int = 0) -> Selector:
    return Selector(AddressRange.of("192.0.2.1"), AddressRange.of("192.0.2.2"), protocol, local_port)


@pytest.mark.parametrize("version", [4, 6])
def test_what_carries_tunnels_is_asked_for_before_all_else(version: int) -> None:
    beyond, looks, *around, local = rules(plan_outside([version], (500, 4500)))
    into = rules(plan_into(PEER[version], [selector(6)], "vpn0", ip_address("192.0.2.1"), 77))
    block = rules(plan_nowhere(PEER[version], [selector(6)]))
    hosts = rules(plan_nowhere(PEER[version], [selector()]))
    tunnels, ways = rules(plan_tunnels_table([version])), rules(plan_ways_table([version]))
    order = [each.preference for each in (*around, local, *into, *block, *hosts, *tunnels, beyond, *ways)]
    assert order == sorted(order) and len(set(order)) == 8 and order[-1] < 100
    assert {each.version for each in (*around, *into, *block, beyond, local, *hosts, *tunnels, *ways)} == {version}
    assert replace(looks, protocol=0) == beyond and not looks.own
    assert {(each.action, each.target) for each in around} == {(RuleAction.GOTO, beyond.preference)}
    assert sorted((each.protocol, each.local_port, each.own) for each in around if not each.mark) == [
        (17, 500, True),
        (17, 4500, True),
        (50, 0, True),
        (51, 0, True),
    ]


def test_the_rules_are_as_many_for_a_hundred_tunnels_as_for_one() -> None:
    peers = [ip_address(f"192.0.2.{number}") for number in range(1, 101)]
    plans = [(*plan_outside([4], (500, 4500)), *plan_nowhere(peer, [selector()])) for peer in peers]
    assert len({step for plan in plans for step in plan if isinstance(step, AddRule)}) == 9


def test_what_goes_in_is_what_is_blocked_and_only_what_this_host_sends() -> None:
    two = [selector(6, 80), selector(17)]
    way, *into = plan_into(PEER[4], two, "vpn0", ip_address("192.0.2.1"), 77)
    assert isinstance(way, AddRoute)
    assert (way.route.table, str(way.route.network), way.route.mtu, way.route.mtu_locked) == (
        77,
        "192.0.2.2/32",
        65_535,
        True,
    )
    reject = rules(plan_nowhere(PEER[4], two, reject=True))
    assert [(each.protocol, each.local_port, each.own) for each in rules(tuple(into))] == [(6, 80, True), (17, 0, True)]
    assert [(each.protocol, each.local_port, each.own) for each in reject] == [(6, 80, True), (17, 0, True)]
    assert {each.action for each in reject} == {RuleAction.UNREACHABLE}


def test_two_hosts_without_a_selector_need_no_rule_of_their_own() -> None:
    way, hosts = plan_into(PEER[4], [selector()], "vpn0", ip_address("192.0.2.1"), 77)
    same, block = plan_nowhere(PEER[4], [selector()])
    assert isinstance(way, AddRoute) and isinstance(block, AddRoute) and isinstance(hosts, AddRule)
    assert hosts == same and hosts.rule.own and hosts.rule.remote is None
    assert {way.route.table, block.route.table, hosts.rule.target} == {HOSTS_TABLE}
    assert str(block.route.network) == str(way.route.network) == "192.0.2.2/32"


def test_a_rule_for_rtnetlink() -> None:
    (rule,) = rules(plan_nowhere(PEER[4], [selector(6, 80)]))
    assert rule.arguments() == {
        "family": 2,
        "priority": 53,
        "action": "blackhole",
        "protocol": 50,
        "dst": "192.0.2.2",
        "dst_len": 32,
        "ip_proto": 6,
        "sport_range": "80:80",
        "iifname": "lo",
    }
