"""The ground that scenarios stand on: two gateways and what lies between them.

    pair     left 192.0.2.1 ─────────────────────────────────────────────────────────── 192.0.2.2 right
             (2001:db8::1)                                                          (2001:db8::2)

    routed   left 198.51.100.2 ── 198.51.100.1 core 203.0.113.1 ── 203.0.113.2 right
             with a NAT box on a side, the box has that address and the gateway stands behind it:
             left 192.168.1.2 ── box 198.51.100.2 ── core ── 203.0.113.2 box ── 192.168.2.2 right
             more clients on the left are 192.168.1.3, 192.168.1.4, ...

    star     right 192.0.2.2 and, all on one wire with it, left 192.0.2.1 and clients 192.0.2.3, 192.0.2.4, ...

Inner addresses are 10.N.N.1 and fd00:N::1 on the loopback of gateway N (1 left, 2 right, 3... more clients), or on an
interface `inner` with a host 10.N.N.2 behind it. Every gateway's default route leads to the other side, so that a
packet that should have been protected and was not does reach the other side, where `clear_packets` counts it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from interop.lab import nat
from interop.lab.namespace import Namespace
from interop.lab.site import Site


@dataclass(frozen=True)
class Gateway:
    """One end of tunnels. `outer` is its own address, `public` the one under which the other side reaches it."""

    host: Namespace
    number: int
    outer: str
    public: str
    behind: Namespace | None = None

    @property
    def inner(self) -> str:
        """Its IPv4 address inside."""
        return f"10.{self.number}.{self.number}.1"

    @property
    def network(self) -> str:
        """Its IPv4 network inside."""
        return f"10.{self.number}.{self.number}.0/24"

    @property
    def inner6(self) -> str:
        """Its IPv6 address inside."""
        return f"fd00:{self.number}::1"

    @property
    def network6(self) -> str:
        """Its IPv6 network inside."""
        return f"fd00:{self.number}::/64"


@dataclass(frozen=True)
class Box:
    """A NAT box between a gateway and the core."""

    host: Namespace
    kind: nat.Kind
    public: str
    gateway: str

    def rewrite_ports(self) -> None:
        """Change the outside port of every mapping."""
        nat.rewrite_ports(self.host, public=self.public, gateway=self.gateway)


@dataclass(frozen=True)
class Topology:
    """Two gateways, further clients beside the left one, the boxes in between and the router, where there is one."""

    site: Site
    left: Gateway
    right: Gateway
    clients: tuple[Gateway, ...] = ()
    boxes: dict[str, Box] = field(default_factory=dict)
    core: Namespace | None = None

    def gateways(self) -> tuple[Gateway, ...]:
        """All gateways."""
        return (self.left, self.right, *self.clients)

    def clear_packets(self) -> int:
        """How many packets with an inner address came in unprotected over an outer interface."""
        return sum(
            int(packets)
            for gateway in self.gateways()
            for packets in re.findall(r"packets (\d+)", _clear_table(gateway.host))
        )


def pair(site: Site, *, family: int = 4, mtu: int = 1500, hosts: bool = False) -> Topology:
    """Two gateways on one wire; their outer addresses are of IP version `family`."""
    left, right = (site.namespace(role) for role in ("left", "right"))
    left.link("outer", right, "outer", mtu)
    addresses, length = (("192.0.2.1", "192.0.2.2"), 24) if family == 4 else (("2001:db8::1", "2001:db8::2"), 64)
    gateways = []
    for number, host in enumerate((left, right), 1):
        own, other = addresses[number - 1], addresses[2 - number]
        host.ip(f"addr add {own}/{length} dev outer nodad", f"route add default via {other} dev outer")
        gateways.append(_inner(Gateway(host, number, own, own), hosts))
    return Topology(site, gateways[0], gateways[1])


def routed(
    site: Site,
    *,
    left: nat.Kind | None = None,
    right: nat.Kind | None = None,
    clients: int = 1,
    mtu: int = 1500,
    hosts: bool = False,
) -> Topology:
    """Two gateways with a router between them and, where asked for, a NAT box in front of either.

    `clients` counts the gateways behind the left box; `mtu` is that of the wire between router and right side.
    """
    core = site.namespace("core")
    _forward(core)
    boxes: dict[str, Box] = {}
    ends = {
        "left": _side(site, core, boxes, "left", "198.51.100", "192.168.1", left, 1500, clients),
        "right": _side(site, core, boxes, "right", "203.0.113", "192.168.2", right, mtu, 1),
    }
    numbers = iter((1, 3, 4, 5, 6, 7, 8, 9))
    lefts = [_inner(Gateway(host, next(numbers), own, public), hosts) for host, own, public in ends["left"]]
    rights = [_inner(Gateway(host, 2, own, public), hosts) for host, own, public in ends["right"]]
    return Topology(site, lefts[0], rights[0], tuple(lefts[1:]), boxes, core)


def star(site: Site, *, clients: int) -> Topology:
    """A gateway on the right and several on the left, `clients` in all, each with an outer address of its own."""
    wire = site.namespace("wire")
    wire.ip("link add wire type bridge", "link set wire up")
    gateways = []
    for number in range(1, clients + 2):
        host = site.namespace({1: "left", 2: "right"}.get(number, f"left{number - 1}"))
        wire.link(f"port{number}", host, "outer")
        wire.ip(f"link set port{number} master wire")
        own, other = f"192.0.2.{number}", "192.0.2.1" if number == 2 else "192.0.2.2"
        host.ip(f"addr add {own}/24 dev outer", f"route add default via {other} dev outer")
        gateways.append(_inner(Gateway(host, number, own, own), hosts=False))
    left, right, *others = gateways
    return Topology(site, left, right, tuple(others))


def _side(
    site: Site,
    core: Namespace,
    boxes: dict[str, Box],
    role: str,
    public_net: str,
    private_net: str,
    kind: nat.Kind | None,
    mtu: int,
    count: int,
) -> list[tuple[Namespace, str, str]]:
    """Build one side; returns (namespace, own address, public address) of each gateway on it."""
    public = f"{public_net}.2"
    core_end = f"to_{role}"
    if kind is None:
        host = site.namespace(role)
        core.link(core_end, host, "outer", mtu)
        core.ip(f"addr add {public_net}.1/24 dev {core_end}")
        host.ip(f"addr add {public}/24 dev outer", f"route add default via {public_net}.1")
        return [(host, public, public)]
    box = site.namespace(f"{role}box")
    _forward(box)
    core.link(core_end, box, "outside", mtu)
    core.ip(f"addr add {public_net}.1/24 dev {core_end}")
    box.ip(
        f"addr add {public}/24 dev outside",
        f"route add default via {public_net}.1",
        "link add inside type bridge",
        f"addr add {private_net}.1/24 dev inside",
        "link set inside up",
    )
    box.nft(nat.ruleset(kind, public=public, gateway=f"{private_net}.2"))
    boxes[role] = Box(box, kind, public, f"{private_net}.2")
    return [_behind_box(site, box, role, private_net, index, public) for index in range(count)]


def _behind_box(
    site: Site, box: Namespace, role: str, private_net: str, index: int, public: str
) -> tuple[Namespace, str, str]:
    host = site.namespace(role if index == 0 else f"{role}{index + 1}")
    box.link(f"port{index}", host, "outer")
    box.ip(f"link set port{index} master inside")
    own = f"{private_net}.{index + 2}"
    host.ip(f"addr add {own}/24 dev outer", f"route add default via {private_net}.1")
    return host, own, public


def _inner(gateway: Gateway, hosts: bool) -> Gateway:
    """Give a gateway its inner addresses, a host behind it where wanted, and the counter of unprotected packets."""
    host = gateway.host
    behind = None
    device = "lo"
    if hosts:
        behind = host.site.namespace(host.name.removeprefix(f"{host.site.tag}-") + "host")
        _forward(host)
        device = "inner"
        host.link(device, behind, "outer")
    host.ip(
        f"addr add {gateway.inner}/24 dev {device}",
        f"addr add {gateway.inner6}/64 dev {device} nodad",
    )
    if behind is not None:
        behind.ip(f"addr add {gateway.inner.removesuffix('1')}2/24 dev outer", f"route add default via {gateway.inner}")
    watch_clear(host)
    return Gateway(host, gateway.number, gateway.outer, gateway.public, behind)


def _clear_table(host: Namespace) -> str:
    return host.run("nft", "list", "table", "netdev", "clear").output


def watch_clear(host: Namespace) -> None:
    """Count packets from inner addresses that arrive unprotected on the interface `outer`."""
    host.nft("""
table netdev clear {
  chain arrival {
    type filter hook ingress device "outer" priority 0
    ip saddr 10.0.0.0/8 counter
    ip6 saddr fd00::/16 counter
  }
}
""")


def _forward(host: Namespace) -> None:
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
