"""Plans of rules (`ip rule`): what belongs into tunnels goes there before any route or rule of the host is asked, and
what carries the tunnels goes around.

    50  what we have marked, ESP, AH, UDP from our IKE ports       goes on at 56
    51  what is for this host itself                               table local, wherever somebody has moved its rule
    52  transport mode with protocol or ports: what a selector     the tunnel's table: its device
        says of what this host sends
    53  the same                                                   nowhere, for the tunnel is down
    54  what this host sends to peers in transport mode            table 5051: a device, or nowhere
    55  all                                                        table 5050: a device, nowhere, or as without us
    56  all                                                        nothing: here goes on what began at 50
    57  all                                                        table 5052: ways to peers that a route of ours
                                                                   in the main table covers

There is one set for each version of IP, however many tunnels there are; only 52 and 53 have a rule for each selector.
The first of them need a mark for what leaves, and protocols and ports for reverse path filtering (`rp_filter`), which
asks for the way back of what comes in and knows no mark. They are for this host alone: what it forwards is never ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network

from ikevpn.model.address import Address
from ikevpn.model.own_mark import OWN_MARK
from ikevpn.model.selector import Selector
from ikevpn.net.kernel.rtnetlink import Route
from ikevpn.net.kernel.rule import (
    BEYOND_PREFERENCE,
    BLOCK_PREFERENCE,
    HOSTS_PREFERENCE,
    HOSTS_TABLE,
    INTO_PREFERENCE,
    LOCAL_PREFERENCE,
    LOCAL_TABLE,
    OUTSIDE_PREFERENCE,
    TUNNELS_PREFERENCE,
    TUNNELS_TABLE,
    WAYS_PREFERENCE,
    WAYS_TABLE,
    Rule,
    RuleAction,
)
from ikevpn.net.plan.routes import block
from ikevpn.net.plan.steps import AddRoute, AddRule, Plan

LARGEST_PACKET = 65_535
"""The MTU of what is handed to transport mode: it takes no fragments, so the host must make none."""
_UDP, _ESP, _AH = 17, 50, 51


def plan_outside(versions: Iterable[int], ike_ports: Iterable[int]) -> Plan:
    """What carries tunnels goes around them; to be in force before anything else of a tunnel."""
    return tuple(AddRule(rule) for version in sorted(set(versions)) for rule in _outside(version, ike_ports))


def _outside(version: int, ike_ports: Iterable[int]) -> Iterable[Rule]:
    around = Rule(version, OUTSIDE_PREFERENCE, RuleAction.GOTO, BEYOND_PREFERENCE)
    beyond = Rule(version, BEYOND_PREFERENCE, RuleAction.NOTHING)
    yield beyond
    yield replace(beyond, protocol=_ESP)  # for rules of this host alone Linux does not look at what comes in
    yield replace(around, mark=OWN_MARK)
    for protocol in (_ESP, _AH):
        yield replace(around, protocol=protocol, own=True)
    for port in ike_ports:
        yield replace(around, protocol=_UDP, local_port=port, own=True)
    yield Rule(version, LOCAL_PREFERENCE, RuleAction.LOOKUP, LOCAL_TABLE)


def plan_tunnels_table(versions: Iterable[int]) -> Plan:
    """The table of what goes into tunnels counts before those of the host."""
    return _lookups(versions, TUNNELS_PREFERENCE, TUNNELS_TABLE)


def plan_ways_table(versions: Iterable[int]) -> Plan:
    """The table of the ways around counts before the main one."""
    return _lookups(versions, WAYS_PREFERENCE, WAYS_TABLE)


def _lookups(versions: Iterable[int], preference: int, table: int) -> Plan:
    rules = (Rule(version, preference, RuleAction.LOOKUP, table) for version in sorted(set(versions)))
    return tuple(map(AddRule, rules))


def plan_into(remote: Address, selectors: Iterable[Selector], device: str, local: Address, table: int) -> Plan:
    """Transport mode: what `selectors` fit of this host's packets to `remote` goes into `device`, called from `local`.

    `table` is the tunnel's own, for selectors with protocol or ports.
    """
    way = Route(ip_network(remote), device, source=local, mtu=LARGEST_PACKET, mtu_locked=True)
    plan: Plan = ()
    for selector in selectors:
        narrow = _is_narrow(selector)
        plan += (AddRoute(replace(way, table=table if narrow else HOSTS_TABLE)),)
        plan += (_rule(remote, selector, INTO_PREFERENCE, RuleAction.LOOKUP, table) if narrow else _hosts(remote),)
    return tuple(dict.fromkeys(plan))


def plan_nowhere(remote: Address, selectors: Iterable[Selector], *, reject: bool = False) -> Plan:
    """The same packets go nowhere where they find no tunnel: in silence, or with `reject` an ICMP error."""
    action = RuleAction.UNREACHABLE if reject else RuleAction.BLACKHOLE
    plan: Plan = ()
    for selector in selectors:
        if _is_narrow(selector):
            plan += (_rule(remote, selector, BLOCK_PREFERENCE, action),)
        else:
            plan += (_hosts(remote), AddRoute(block(ip_network(remote), HOSTS_TABLE, reject=reject)))
    return plan


def _is_narrow(selector: Selector) -> bool:
    """Whether no route can say it, because it names more than addresses."""
    return bool(selector.protocol or selector.local_port or selector.remote_port)


def _hosts(remote: Address) -> AddRule:
    return AddRule(Rule(remote.version, HOSTS_PREFERENCE, RuleAction.LOOKUP, HOSTS_TABLE, own=True))


def _rule(remote: Address, selector: Selector, preference: int, action: RuleAction, target: int = 0) -> AddRule:
    ports = {"local_port": selector.local_port, "remote_port": selector.remote_port}
    rule = Rule(remote.version, preference, action, target, remote, selector.protocol, own=True, **ports)
    return AddRule(rule)
