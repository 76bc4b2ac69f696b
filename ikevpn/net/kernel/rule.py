"""A routing policy rule (`ip rule`) as a value: which packets to a peer it fits, and where it sends them. Pure.

Every rule that we add is at one of the preferences named here. What was found there is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6
from typing import Any

from ikevpn.model.address import Address, Network

OUTSIDE_PREFERENCE, LOCAL_PREFERENCE, INTO_PREFERENCE, BLOCK_PREFERENCE = 50, 51, 52, 53
HOSTS_PREFERENCE, TUNNELS_PREFERENCE, BEYOND_PREFERENCE, WAYS_PREFERENCE = 54, 55, 56, 57
"""In the order in which the kernel asks them; `rules` says what each is for. They stand before the rules that people
write, usually from 100 on, so that none of those leads a tunnel's traffic elsewhere.
"""
LOCAL_TABLE = 255
TUNNELS_TABLE, HOSTS_TABLE, WAYS_TABLE = 5050, 5051, 5052
"""Our own tables of routes: what goes into tunnels, what this host alone sends into them, and the ways around."""

_OUR_PREFERENCES = range(OUTSIDE_PREFERENCE, WAYS_PREFERENCE + 1)
OUR_PROTOCOL = 50
"""`proto 50` in `ip rule` and `ip route`; free in iproute2's table of protocols, and ESP's number in IP."""


class RuleAction(StrEnum):
    LOOKUP = "to_tbl"
    GOTO = "goto"
    NOTHING = "nop"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"


_ACTIONS = {
    1: RuleAction.LOOKUP,
    2: RuleAction.GOTO,
    3: RuleAction.NOTHING,
    6: RuleAction.BLACKHOLE,
    7: RuleAction.UNREACHABLE,
}
"""By the numbers of linux/fib_rules.h."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Packets to `remote` (None: all) of a protocol and of ports (0: any), or with a mark; `target` is a table of
    routes, or the preference to go on at.
    """

    version: int
    preference: int
    action: RuleAction
    target: int = 0
    remote: Address | None = None
    protocol: int = 0
    local_port: int = 0
    remote_port: int = 0
    mark: int = 0
    own: bool = False  # only what this host itself sends, not what it forwards

    def __str__(self) -> str:
        return f"{self.preference}: to {self.remote or 'all'} {self.action} {self.target or ''}".strip()

    def arguments(self) -> dict[str, Any]:
        """The rule for rtnetlink."""
        found: dict[str, Any] = {
            "family": AF_INET if self.version == 4 else AF_INET6,
            "priority": self.preference,
            "action": str(self.action),
            "protocol": OUR_PROTOCOL,
        }
        if self.action is RuleAction.LOOKUP:
            found["table"] = self.target
        elif self.action is RuleAction.GOTO:
            found["goto"] = self.target
        if self.remote is not None:
            found |= {"dst": str(self.remote), "dst_len": self.remote.max_prefixlen}
        if self.protocol:
            found["ip_proto"] = self.protocol
        for name, port in (("sport_range", self.local_port), ("dport_range", self.remote_port)):
            if port:
                found[name] = f"{port}:{port}"
        if self.mark:
            found |= {"fwmark": self.mark, "fwmask": 0xFFFFFFFF}
        if self.own:
            found["iifname"] = "lo"
        return found


@dataclass(frozen=True, slots=True)
class HostRule:
    """A rule of somebody else: which table counts, for packets to what, from what, with which mark."""

    preference: int
    table: int
    remote: Network | None = None
    source: Network | None = None
    mark: int = 0


def read_host_rule(message: Any) -> HostRule | None:
    """A rule of somebody else that leads to a table; None for ours, and for those that do something else."""
    attribute = message.get_attr
    if attribute("FRA_PROTOCOL") == OUR_PROTOCOL or _ACTIONS.get(message["action"]) is not RuleAction.LOOKUP:
        return None
    remote, source = attribute("FRA_DST"), attribute("FRA_SRC")
    return HostRule(
        preference=attribute("FRA_PRIORITY") or 0,
        table=attribute("FRA_TABLE") or 0,
        remote=ip_network(f"{remote}/{message['dst_len']}") if remote else None,
        source=ip_network(f"{source}/{message['src_len']}") if source else None,
        mark=attribute("FRA_FWMARK") or 0,
    )


def read_rule(message: Any) -> Rule | None:
    """The inverse of `Rule.arguments`, from what rtnetlink lists; None for a rule of somebody else."""
    attribute, preference = message.get_attr, message.get_attr("FRA_PRIORITY") or 0
    if attribute("FRA_PROTOCOL") != OUR_PROTOCOL or preference not in _OUR_PREFERENCES:
        return None
    action = _ACTIONS.get(message["action"])
    if action is None:
        return None
    targets = {RuleAction.LOOKUP: attribute("FRA_TABLE"), RuleAction.GOTO: attribute("FRA_GOTO")}
    remote = attribute("FRA_DST")
    return Rule(
        version=4 if message["family"] == AF_INET else 6,
        preference=preference,
        action=action,
        target=targets.get(action) or 0,
        remote=ip_address(remote) if remote else None,
        protocol=attribute("FRA_IP_PROTO") or 0,
        local_port=_port(attribute("FRA_SPORT_RANGE")),
        remote_port=_port(attribute("FRA_DPORT_RANGE")),
        mark=attribute("FRA_FWMARK") or 0,
        own=attribute("FRA_IIFNAME") == "lo",
    )


def _port(range_: str | None) -> int:
    """Ours are ranges of one."""
    return int(range_.partition(":")[0]) if range_ else 0
