"""Plans of rules: what they say, without a kernel."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.net.plan import AddRoute, AddRule, Plan
from ikevpn.net.rule import Rule, RuleAction
from ikevpn.net.rules import plan_into, plan_nowhere, plan_outside

PEER = {4: ip_address("192.0.2.2"), 6: ip_address("2001:db8::2")}


def rules(plan: Plan) -> list[Rule]:
    return [step.rule for step in plan if isinstance(step, AddRule)]


def selector(protocol: int = 0, local_port: int = 0) -> Selector:
    return Selector(AddressRange.of("192.0.2.1"), AddressRange.of("192.0.2.2"), protocol, local_port)


@pytest.mark.parametrize("version", [4, 6])
def test_what_carries_the_tunnel_is_asked_for_before_all_else(version: int) -> None:
    beyond, *around = rules(plan_outside(PEER[version], (500, 4500)))
    into = rules(plan_into(PEER[version], [selector()], "vpn0", ip_address("192.0.2.1"), 77))
    block = rules(plan_nowhere(PEER[version], [selector()]))
    order = [each.preference for each in (*around, *into, *block, beyond)]
    assert order == sorted(order) and len(set(order)) == 4
    assert {each.version for each in (*around, *into, *block, beyond)} == {version}
    assert {(each.action, each.target, each.own) for each in around} == {(RuleAction.GOTO, beyond.preference, False)}
    assert sorted((each.protocol, each.local_port) for each in around if not each.mark) == [
        (17, 500),
        (17, 4500),
        (50, 0),
        (51, 0),
    ]


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


def test_a_rule_for_rtnetlink() -> None:
    (rule,) = rules(plan_nowhere(PEER[4], [selector(6, 80)]))
    assert rule.arguments() == {
        "family": 2,
        "priority": 5052,
        "action": "blackhole",
        "protocol": 50,
        "dst": "192.0.2.2",
        "dst_len": 32,
        "ip_proto": 6,
        "sport_range": "80:80",
        "iifname": "lo",
    }
