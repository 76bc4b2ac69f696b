"""The few verbs of rtnetlink that we need, with errors in words. Blocking: `host` calls them from a thread of its own.

Every route and rule that we add carries a protocol number of ours: it is known as ours, and nobody else's is ever
deleted.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_interface, ip_network
from socket import AF_INET, AF_INET6
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from ikevpn.errors import HostError
from ikevpn.model.address import Address, Network
from ikevpn.model.own_mark import OWN_MARK
from ikevpn.net.kernel import refusals
from ikevpn.net.kernel import rule as rules
from ikevpn.net.kernel.followed import Followed, Interface, Link
from ikevpn.net.kernel.packet_table import PacketTable
from ikevpn.net.kernel.rule import BEYOND_PREFERENCE, OUR_PROTOCOL, HostRule, Rule, RuleAction

MAIN_TABLE = 254
_LOCKED_MTU = 1 << 2  # RTAX_LOCK of RTAX_MTU
_UP = 1
_NO_DAD = 0x02  # IFA_F_NODAD: nobody else is on a tunnel who could have the same address
_GONE = (errno.ESRCH, errno.ENODEV, errno.ENOENT, errno.EADDRNOTAVAIL, errno.ENXIO)
_READINGS = 5
_NEWS = Rule(6, BEYOND_PREFERENCE, RuleAction.NOTHING, mark=1)
"""It does nothing to any packet; that it comes and goes is what counts."""
_FAMILIES = {4: AF_INET, 6: AF_INET6}


class RouteKind(StrEnum):
    """What happens to packets that a route fits."""

    UNICAST = "unicast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    THROW = "throw"  # the table has nothing for them; the next rule is asked


_UNICAST = 1
_KIND_NUMBERS = {
    _UNICAST: RouteKind.UNICAST,
    6: RouteKind.BLACKHOLE,
    7: RouteKind.UNREACHABLE,
    9: RouteKind.THROW,
}


@dataclass(frozen=True, slots=True)
class Route:
    """A route. `mtu` 0 is the device's own; a locked one is what the host believes, whatever it is told of the path."""

    network: Network
    device: str = ""
    gateway: Address | None = None
    source: Address | None = None
    metric: int = 0
    mtu: int = 0
    kind: RouteKind = RouteKind.UNICAST
    table: int = MAIN_TABLE
    mtu_locked: bool = False

    @property
    def place(self) -> tuple[Network, int, int]:
        """What the kernel has only one route for. It reads no metric as 1024 in IPv6 and as 0 in IPv4."""
        return self.network, self.metric or (1024 if self.network.version == 6 else 0), self.table

    def __str__(self) -> str:
        kind = "" if self.kind is RouteKind.UNICAST else f"{self.kind} "
        gateway = f" via {self.gateway}" if self.gateway else ""
        device = f" dev {self.device}" if self.device else ""
        metric = f" metric {self.metric}" if self.metric else ""
        table = f" table {self.table}" if self.table != MAIN_TABLE else ""
        return f"{kind}{self.network}{gateway}{device}{metric}{table}"


class Kernel:
    """A netlink socket in the network namespace of the thread that makes it, and `packets`, our table of nftables; use
    them from that thread only.
    """

    def __init__(self, packets: PacketTable | None = None) -> None:
        self.packets = packets or PacketTable()
        try:
            self._netlink = IPRoute()
        except OSError as error:
            raise HostError(f"netlink cannot be opened: {refusals.words(error.errno)}", reason="netlink") from None
        self._group = secrets.randbits(30) | 1 << 30  # a link group that nobody else has
        self._followed = Followed(self._list_links, self._list_addresses)

    def close(self) -> None:
        """Give the sockets back."""
        self._followed.close()
        self._netlink.close()
        self.packets.close()

    @property
    def port(self) -> int:
        """The socket's number: what the kernel tells everybody of a change names that of who made it. Raises
        HostError.
        """
        links = self._read("listing the devices", "get_links")
        return int(links[0]["header"]["pid"])

    # Devices

    def index_of(self, device: str) -> int:
        """The number of a device. Raises HostError where there is none of that name."""
        found = self._look_up(device)
        if found is None:
            raise refusals.no_device(device)
        return found

    def is_up(self, device: str) -> bool:
        """Whether a device was set up. Raises HostError."""
        return bool(self._link(device).flags & _UP)

    def mtu_of(self, device: str) -> int:
        """The largest packet of a device. Raises HostError."""
        return self._link(device).mtu

    def set_link(self, device: str, *, up: bool) -> None:
        """Set a device up, in the group of our devices, or down, in none. Raises HostError."""
        state, group = ("up", self._group) if up else ("down", 0)
        self._do(f"setting {device} {state}", "link", "set", index=self.index_of(device), state=state, group=group)

    def delete_group(self) -> None:
        """Delete all devices that were set up here, at once: singly it takes 16 ms for each. Raises HostError."""
        self._delete("deleting the devices of all tunnels", "link", group=self._group)

    # Addresses

    def addresses_of(self, device: str) -> list[Interface]:
        """The addresses of a device. Raises HostError."""
        number = self.index_of(device)
        return [each for index, each in self._followed.addresses() if index == number]

    def own_addresses(self) -> list[tuple[str, Interface]]:
        """All addresses of this host with their devices. Raises HostError."""
        return [(self._followed.name(index), each) for index, each in self._followed.addresses()]

    def device_names(self) -> dict[int, str]:
        """The names of all devices by their numbers. Raises HostError."""
        return {index: link.name for index, link in self._followed.links().items()}

    def add_address(self, device: str, address: Interface) -> bool:
        """Give a device an address; False where it has it already. Raises HostError."""
        arguments = {"index": self.index_of(device), "address": str(address.ip), "prefixlen": address.network.prefixlen}
        if address.version == 6:
            arguments["flags"] = _NO_DAD
        return self._add(f"giving {device} the address {address}", "addr", **arguments)

    def delete_address(self, device: str, address: Interface) -> None:
        """Take an address away; nothing happens where it or the device is gone. Raises HostError."""
        found = self._look_up(device)
        if found is not None:
            what = f"taking the address {address} from {device}"
            self._delete(what, "addr", index=found, address=str(address.ip), prefixlen=address.network.prefixlen)

    def _list_addresses(self) -> Iterator[tuple[int, Interface]]:
        for message in self._read("listing the addresses", "get_addr"):
            address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            yield int(message["index"]), ip_interface(f"{address}/{message['prefixlen']}")

    # Routes

    def add_route(self, route: Route) -> bool:
        """Add a route, in place of one of ours; False where somebody else has added it already.

        Raises HostError, also where somebody else's route to another device is in its place.
        """
        arguments = self._route_arguments(route)
        if self._add(f"adding the route {route}", "route", **arguments):
            self._forget_ways(route)
            return True
        others = self.routes(route.network.version, ours=False, table=route.table)
        there = [each for each in others if each.place == route.place]
        if not there:
            self._do(f"replacing the route {route}", "route", "replace", **arguments)
            self._forget_ways(route)
            return True
        if any((each.device, each.gateway, each.kind) == (route.device, route.gateway, route.kind) for each in there):
            return False
        raise HostError(
            f"the route {route} cannot be added: there is {there[0]} already",
            fix="Remove that route, or give the tunnel another metric.",
            reason="route-exists",
        )

    def renew_route(self, route: Route) -> bool:
        """Add a route that was ours; False where something is in its place, whatever it is. Raises HostError."""
        added = self._add(f"adding the route {route}", "route", **self._route_arguments(route))
        if added:
            self._forget_ways(route)
        return added

    def _forget_ways(self, route: Route) -> None:
        """Sockets that are connected ask for a route again.

        In IPv6 they keep the one they have while its own table stays as it is, and a new route in a table that is asked
        before would not count for them. A rule that comes and goes ends that. Raises HostError.
        """
        if route.network.version == 6 and route.table != MAIN_TABLE:
            self.add_rule(_NEWS)
            self.delete_rule(_NEWS)

    def delete_route(self, route: Route) -> None:
        """Delete a route that is ours; nothing happens where it or its device is gone. Raises HostError."""
        try:
            arguments = self._route_arguments(route)
        except HostError:
            return  # its device is gone and took it along
        self._delete(f"deleting the route {route}", "route", **arguments)

    def routes(self, version: int, *, ours: bool = True, table: int = MAIN_TABLE) -> list[Route]:
        """The routes of a table to other hosts and to nowhere; without `ours`, only those of others. Raises
        HostError.
        """
        if ours:
            return [route for _, route in self._routes(version, table)]
        return self._followed.of_others(
            ("routes", version, table),
            lambda: [route for protocol, route in self._routes(version, table) if protocol != OUR_PROTOCOL],
        )

    def own_routes(self, version: int) -> list[Route]:
        """The routes that carry our protocol number, in all tables. Raises HostError."""
        return [route for protocol, route in self._routes(version) if protocol == OUR_PROTOCOL]

    def _routes(self, version: int, table: int | None = None) -> Iterator[tuple[int, Route]]:
        names = self.device_names()
        which = {} if table is None else {"table": table}
        for message in self._read("listing the routes", "get_routes", family=_FAMILIES[version], **which):
            kind = _KIND_NUMBERS.get(message["type"])
            if kind:
                yield int(message["proto"]), _read_route(message, kind, version, names)

    def route_to(self, remote: Address, source: Address | None = None) -> Route | None:
        """The route that the kernel takes to `remote` for what we ourselves send, its own address in `source`; None
        where there is none. Raises HostError where it cannot be asked.
        """
        message = self._ask(remote, {"mark": OWN_MARK} | ({"src": str(source)} if source else {}))
        if message is None:
            return None
        kind = _KIND_NUMBERS.get(message["type"], RouteKind.UNICAST)
        return _read_route(message, kind, remote.version, self.device_names())

    def route_for(self, remote: Address, source: Address | None = None, through: str = "") -> Route | None:
        """The route of packets to `remote` that bear no mark: of those that this host sends, or of those that come from
        `source` `through` a device. None where they go nowhere, or to this host. Raises HostError.
        """
        arguments: dict[str, Any] = {"src": str(source)} if source and source.version == remote.version else {}
        if through:
            arguments["iif"] = self.index_of(through)
        message = self._ask(remote, arguments)
        if message is None or message["type"] != _UNICAST:
            return None
        return _read_route(message, RouteKind.UNICAST, remote.version, self.device_names())

    def _ask(self, remote: Address, arguments: dict[str, Any]) -> Any:
        """What the kernel answers of a route; None where there is none. Raises HostError."""
        try:
            (message,) = self._netlink.route("get", dst=str(remote), family=_FAMILIES[remote.version], **arguments)
        except NetlinkError:
            return None
        except OSError as error:
            raise refusals.refused(f"looking for a route to {remote}", error) from None
        return message

    def _route_arguments(self, route: Route) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "dst": str(route.network),
            "family": _FAMILIES[route.network.version],
            "table": route.table,
            "proto": OUR_PROTOCOL,
            "type": str(route.kind),
        }
        if route.metric:
            arguments["priority"] = route.metric
        if route.device:
            arguments["oif"] = self.index_of(route.device)
        if route.gateway:
            arguments["gateway"] = str(route.gateway)
        elif route.device and route.network.version == 4:
            arguments["scope"] = 253  # link: the device itself is the next hop
        if route.source:
            arguments["prefsrc"] = str(route.source)
        if route.mtu:
            arguments["metrics"] = {"mtu": route.mtu} | ({"lock": _LOCKED_MTU} if route.mtu_locked else {})
        return arguments

    # Rules

    def add_rule(self, rule: Rule) -> bool:
        """Add a rule; False where it is there. Raises HostError."""
        return self._add(f"adding the rule {rule}", "rule", **rule.arguments())

    def delete_rule(self, rule: Rule) -> None:
        """Delete a rule; nothing happens where it is gone. Raises HostError."""
        self._delete(f"deleting the rule {rule}", "rule", **rule.arguments())

    def own_rules(self, version: int) -> list[Rule]:
        """The rules that carry our protocol number. Raises HostError."""
        messages = self._read("listing the rules", "get_rules", family=_FAMILIES[version])
        return [rule for rule in map(rules.read_rule, messages) if rule is not None]

    def rules_of_others(self, version: int) -> list[HostRule]:
        """What others have said of tables, in the order in which it counts. Raises HostError."""
        return self._followed.of_others(("rules", version), lambda: self._rules_of_others(version))

    def _rules_of_others(self, version: int) -> list[HostRule]:
        messages = self._read("listing the rules", "get_rules", family=_FAMILIES[version])
        found = (rule for rule in map(rules.read_host_rule, messages) if rule is not None)
        return sorted(found, key=lambda rule: rule.preference)

    # Requests

    def _read(self, what: str, verb: str, *which: Any, **arguments: Any) -> list[Any]:
        """What the kernel lists. Raises HostError; a list that changed while it was read is read again."""
        for left in reversed(range(_READINGS)):
            try:
                return list(getattr(self._netlink, verb)(*which, **arguments))
            except (NetlinkError, OSError) as error:
                if not left or not isinstance(error, NetlinkDumpInterrupted):
                    raise refusals.refused(what, error) from None
        return []

    def _look_up(self, device: str) -> int | None:
        """The number of a device, also by one of its other names."""
        known = self._followed.number(device)
        if known is not None:
            return known
        found = self._read(f"looking for the device {device}", "link_lookup", ifname=device)
        return int(found[0]) if found else None

    def _link(self, device: str) -> Link:
        found = self._followed.links().get(self.index_of(device))
        if found is None:
            raise refusals.no_device(device)
        return found

    def _list_links(self) -> dict[int, Link]:
        links = self._read("listing the devices", "get_links")
        return {int(each["index"]): Link.read(each) for each in links}

    def _do(self, what: str, verb: str, command: str, **arguments: Any) -> None:
        try:
            getattr(self._netlink, verb)(command, **arguments)
        except (NetlinkError, OSError) as error:
            raise refusals.refused(what, error) from None

    def _add(self, what: str, verb: str, **arguments: Any) -> bool:
        try:
            getattr(self._netlink, verb)("add", **arguments)
        except (NetlinkError, OSError) as error:
            if refusals.number(error) == errno.EEXIST:
                return False
            raise refusals.refused(what, error) from None
        return True

    def _delete(self, what: str, verb: str, **arguments: Any) -> None:
        try:
            getattr(self._netlink, verb)("del", **arguments)
        except (NetlinkError, OSError) as error:
            if refusals.number(error) not in _GONE:
                raise refusals.refused(what, error) from None


def _read_route(message: Any, kind: RouteKind, version: int, names: dict[int, str]) -> Route:
    everything = "0.0.0.0/0" if version == 4 else "::/0"
    target = message.get_attr("RTA_DST")
    several = message.get_attr("RTA_MULTIPATH")
    gateway = (several[0] if several else message).get_attr("RTA_GATEWAY")
    index = several[0]["oif"] if several else message.get_attr("RTA_OIF")
    device = names.get(index or 0, "") if kind is RouteKind.UNICAST else ""
    source = message.get_attr("RTA_PREFSRC")
    metrics = message.get_attr("RTA_METRICS")
    return Route(
        network=ip_network(f"{target}/{message['dst_len']}" if target else everything),
        device=device,
        gateway=ip_address(gateway) if gateway else None,
        source=ip_address(source) if source else None,
        metric=message.get_attr("RTA_PRIORITY") or 0,
        table=message.get_attr("RTA_TABLE") or message["table"],
        mtu=(metrics.get_attr("RTAX_MTU") or 0) if metrics else 0,
        mtu_locked=bool(metrics and (metrics.get_attr("RTAX_LOCK") or 0) & _LOCKED_MTU),
        kind=kind,
    )
