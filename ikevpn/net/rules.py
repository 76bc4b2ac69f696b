"""Plans of rules: what this host sends to a peer goes into a tunnel, and what carries the tunnel goes around it.

Transport mode protects packets whose target is the peer itself, so no route can tell them from ESP and IKE. Rules can:

    5050  what we have marked, ESP, AH, UDP from our IKE ports      goes on at 5053
    5051  the rest to the peer, or what a selector says of it       the tunnel's table: its device
    5052  the same                                                  nowhere, for the tunnel is down
    5053  all                                                       goes on as without us

Marks would be enough for what leaves. Protocols and ports are for reverse path filtering (`rp_filter`), which asks for
the way back of what comes in and knows no mark. What this host forwards is none of the tunnel's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network

from ikevpn.model.address import Address
from ikevpn.model.own_mark import OWN_MARK
from ikevpn.model.selector import Selector
from ikevpn.net.kernel import Route
from ikevpn.net.plan import AddRoute, AddRule, Plan
from ikevpn.net.rule import (
    BEYOND_PREFERENCE,
    BLOCK_PREFERENCE,
    INTO_PREFERENCE,
    OUTSIDE_PREFERENCE,
    Rule,
    RuleAction,
)

LARGEST_PACKET = 65_535
"""The MTU of what is handed to transport mode: it takes no fragments, so the host must make none."""
_UDP, _ESP, _AH = 17, 50, 51


def plan_outside(remote: Address, ike_ports: Iterable[int]) -> Plan:
    """What carries a tunnel to `remote` goes around it; to be in force before anything else of the tunnel."""
    version = remote.version
    beyond = Rule(version, BEYOND_PREFERENCE, RuleAction.NOTHING)
    around = Rule(version, OUTSIDE_PREFERENCE, RuleAction.GOTO, BEYOND_PREFERENCE, remote)
    ike = (replace(around, protocol=_UDP, local_port=port) for port in ike_ports)
    esp_and_ah = (replace(around, protocol=protocol) for protocol in (_ESP, _AH))
    return tuple(AddRule(rule) for rule in (beyond, replace(around, mark=OWN_MARK), *esp_and_ah, *ike))


def plan_into(remote: Address, selectors: Iterable[Selector], device: str, local: Address, table: int) -> Plan:
    """What `selectors` fit of this host's packets to `remote` goes into `device`, called from `local`."""
    way = Route(ip_network(remote), device, source=local, mtu=LARGEST_PACKET, table=table, mtu_locked=True)
    rules = _rules(remote, selectors, INTO_PREFERENCE, RuleAction.LOOKUP, table)
    return (AddRoute(way), *rules)


def plan_nowhere(remote: Address, selectors: Iterable[Selector], *, reject: bool = False) -> Plan:
    """The same packets go nowhere where they find no tunnel: in silence, or with `reject` an ICMP error."""
    action = RuleAction.UNREACHABLE if reject else RuleAction.BLACKHOLE
    return _rules(remote, selectors, BLOCK_PREFERENCE, action)


def _rules(
    remote: Address, selectors: Iterable[Selector], preference: int, action: RuleAction, target: int = 0
) -> Plan:
    return tuple(
        AddRule(
            Rule(
                remote.version,
                preference,
                action,
                target,
                remote,
                selector.protocol,
                selector.local_port,
                selector.remote_port,
                own=True,
            )
        )
        for selector in selectors
    )
