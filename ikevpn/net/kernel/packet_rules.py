"""Our table of nftables as text: chains by purpose, and sets of pairs by shape. Pure.

    inward                every packet that comes in, before connections are tracked: is it of a pair? A rule a shape,
                       the most exact first, each one look-up in a hash of all pairs of the shape
    by_route, by_device   the way back to its source decides
    discard            unless it came out of a tunnel, or carries one: counted and dropped

So what a packet costs depends on the number of shapes, of which networks of the usual sizes have a handful, and not on
the number of tunnels. Intervals would fit in one set, but the kernel refuses those that overlap, and a network of one
tunnel within another's is ordinary.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_network
from itertools import groupby
from typing import Any

from ikevpn.net.kernel.inward import Fate, Pair, Shape

COUNTER = "unprotected"
DEVICES, WAYS = "tunnel_devices", "tunnel_ways"
"""Two sets of the same devices: nftables has one type for where packets come from, another for where routes lead."""
_ORDER = list(Fate)
_VERDICTS = {
    Fate.DISCARD: "goto discard",
    Fate.BY_ROUTE: "goto by_route",
    Fate.BY_DEVICE: "goto by_device",
    Fate.ACCEPT: "accept",
}
_NAME = re.compile(r"([a-z]+)([46])_(\d+)_(\d+)(_proto)?(_sport)?(_dport)?")

_SKELETON = """
set {devices} {{
    type ifname
}}
set {ways} {{
    typeof fib saddr oifname
}}
counter {counter} {{
    packets {packets} bytes {octets}
}}
chain discard {{
    iifname "lo" return
    iifname @{devices} return
    meta iifkind "vrf" return comment "was looked at when it came in on a device of the VRF"
    ip frag-off & 0x1fff != 0 return comment "worth nothing without the first fragment"
    frag frag-off != 0 return comment "the same"
    fib daddr type local meta l4proto {{ esp, ah }} return
    fib daddr type local udp dport {{ {ports} }} return comment "IKE, and ESP in UDP"
    icmp type {{ {errors4} }} @th,136,8 {{ 50, 51 }} return comment "what a router says of ESP that we sent"
    icmp type {{ {errors4} }} @th,136,8 17 @th,224,16 {{ {ports} }} return comment "or of IKE"
    icmpv6 type {{ {errors6} }} @th,112,8 {{ 50, 51 }} return comment "the same"
    icmpv6 type {{ {errors6} }} @th,112,8 17 @th,384,16 {{ {ports} }} return comment "the same"
    icmpv6 type {{ {neighbours} }} return comment "of this link"
    counter name {counter} drop
}}
chain by_device {{
    ip saddr 0.0.0.0 return
    ip6 saddr {{ ::, fe80::/10 }} return
    fib saddr oifname @{ways} goto discard
}}
chain by_route {{
    ip saddr 0.0.0.0 return
    ip6 saddr {{ ::, fe80::/10 }} return
    fib saddr oifname @{ways} goto discard
    fib saddr oif missing goto discard
}}
chain inward {{
    type filter hook prerouting priority raw; policy accept;
}}
"""
_ERRORS = "destination-unreachable, time-exceeded, parameter-problem"
_NEIGHBOURS = (
    "mld-listener-query, mld-listener-report, mld2-listener-report, nd-router-solicit, nd-router-advert, "
    "nd-neighbor-solicit, nd-neighbor-advert, nd-redirect"
)


def whole_table(
    table: str, ike_ports: Iterable[int], pairs: Collection[Pair], devices: Iterable[str], counted: tuple[int, int]
) -> str:
    """Commands that put the whole table in the place of what is there, in one step. `counted`: packets and octets that
    were discarded so far.
    """
    skeleton = _SKELETON.format(
        devices=DEVICES,
        ways=WAYS,
        counter=COUNTER,
        packets=counted[0],
        octets=counted[1],
        ports=", ".join(map(str, ike_ports)),
        errors4=_ERRORS,
        errors6=f"packet-too-big, {_ERRORS}",
        neighbours=_NEIGHBOURS,
    )
    shapes = {pair.shape for pair in pairs}
    sets = "".join(_set(table, shape) for shape in shapes)
    return (
        f"{delete_table(table)}table inet {table} {{{skeleton}}}\n"
        + sets
        + rules(table, shapes)
        + "".join(_elements(table, pairs))
        + "".join(add_device(table, device) for device in devices)
    )


def delete_table(table: str) -> str:
    """The table goes with all that is in it; nothing happens where it is gone."""
    return f"table inet {table}\ndelete table inet {table}\n"


def rules(table: str, shapes: Iterable[Shape]) -> str:
    """The chain `inward` with a rule for each shape, in place of what is in it."""
    order = sorted(shapes, key=lambda shape: (-shape.exactness, _ORDER.index(shape.fate), set_name(shape)))
    return f"flush chain inet {table} inward\n" + "".join(_rule(table, shape) for shape in order)


def add_shape(table: str, shape: Shape, others: Iterable[Shape]) -> str:
    """A set for pairs of a shape that no pair of the table has had before."""
    return _set(table, shape) + rules(table, {shape, *others})


def add_pair(table: str, pair: Pair) -> str:
    return f"add {_place(table, pair)}"


def delete_pair(table: str, pair: Pair) -> str:
    return f"delete {_place(table, pair)}"


def add_device(table: str, device: str) -> str:
    return "".join(f'add element inet {table} {name} {{ "{device}" }}\n' for name in (DEVICES, WAYS))


def delete_device(table: str, device: str) -> str:
    return "".join(f'delete element inet {table} {name} {{ "{device}" }}\n' for name in (DEVICES, WAYS))


def _place(table: str, pair: Pair) -> str:
    return f"element inet {table} {set_name(pair.shape)} {{ {_element(pair)} }}\n"


def _elements(table: str, pairs: Iterable[Pair]) -> Iterator[str]:
    by_set = sorted(pairs, key=lambda pair: set_name(pair.shape))
    for name, group in groupby(by_set, key=lambda pair: set_name(pair.shape)):
        yield f"add element inet {table} {name} {{ {', '.join(map(_element, group))} }}\n"


def _element(pair: Pair) -> str:
    services = (each for each in (pair.protocol, pair.remote_port, pair.local_port) if each)
    return " . ".join(map(str, (pair.remote.network_address, pair.local.network_address, *services)))


def _set(table: str, shape: Shape) -> str:
    address = "ipv4_addr" if shape.version == 4 else "ipv6_addr"
    services = ["inet_proto"] * shape.protocol + ["inet_service"] * (shape.remote_port + shape.local_port)
    types = " . ".join((address, address, *services))
    return f"add set inet {table} {set_name(shape)} {{ type {types}; }}\n"


def _rule(table: str, shape: Shape) -> str:
    header = "ip" if shape.version == 4 else "ip6"
    key = [
        _masked(f"{header} saddr", shape.version, shape.remote_prefix),
        _masked(f"{header} daddr", shape.version, shape.local_prefix),
        *["meta l4proto"] * shape.protocol,
        *["th sport"] * shape.remote_port,
        *["th dport"] * shape.local_port,
    ]
    return f"add rule inet {table} inward {' . '.join(key)} @{set_name(shape)} {_VERDICTS[shape.fate]}\n"


def _masked(field: str, version: int, prefix: int) -> str:
    network = ip_network((0, prefix) if version == 4 else (bytes(16), prefix))
    return field if prefix == network.max_prefixlen else f"{field} & {network.netmask}"


# Names of sets


def set_name(shape: Shape) -> str:
    """`discard4_24_16` by the prefixes of source and target; with `_proto`, `_sport`, `_dport` where these count."""
    services = "_proto" * shape.protocol + "_sport" * shape.remote_port + "_dport" * shape.local_port
    return f"{shape.fate}{shape.version}_{shape.remote_prefix}_{shape.local_prefix}{services}"


def read_set(listed: Mapping[str, Any]) -> tuple[Shape, list[Pair]] | None:
    """The shape and the pairs of a set as nftables lists it in JSON; None for a set of something else."""
    found = _NAME.fullmatch(str(listed["name"]))
    if found is None:
        return None
    fate, version, remote, local, *services = found.groups()
    shape = Shape(Fate(fate), int(version), int(remote), int(local), *map(bool, services))
    return shape, [_read_pair(shape, each["concat"]) for each in listed.get("elem", ())]


def _read_pair(shape: Shape, values: list[Any]) -> Pair:
    remote, local, *rest = values
    services = iter(rest)
    return Pair(
        shape.fate,
        ip_network(f"{remote}/{shape.remote_prefix}"),
        ip_network(f"{local}/{shape.local_prefix}"),
        *(int(next(services)) if has else 0 for has in (shape.protocol, shape.remote_port, shape.local_port)),
    )
