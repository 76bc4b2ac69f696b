"""Where this host stands: its own addresses, and by which of them and which device it reaches a peer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ikevpn.errors import HostError
from ikevpn.model.address import Address, AddressRange
from ikevpn.net.kernel.rtnetlink import Kernel, Route, RouteKind


@dataclass(frozen=True, slots=True)
class Path:
    """How packets to a peer leave: our address, the device, the router (None: the peer is on the link), the MTU."""

    local: Address
    device: str
    gateway: Address | None
    mtu: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around this host: its own addresses and its routers', and all routes of others but the default one."""

    addresses: frozenset[Address] = frozenset()
    routes: tuple[Route, ...] = ()


def path_to(kernel: Kernel, remote: Address, source: Address | None = None, *, led_away: bool = False) -> Path:
    """The path to `remote`, from `source` where it is given. Raises HostError where there is none.

    It is `led_away` where a route of our own in the main table covers it: the kernel would answer with our tunnel or
    with a way out that may be old. Then the routes of others are searched instead.
    """
    route = _search(kernel, remote) if led_away else kernel.route_to(remote, source)
    if source is not None and source not in (interface.ip for _, interface in kernel.own_addresses()):
        raise no_such_address(source)
    if route is None or route.kind is not RouteKind.UNICAST or not route.device:
        sentence = f"there is no route to {remote}"
        raise HostError(sentence, fix="Look at `ip route`; is the network up?", reason="no-route")
    local = source or route.source or _address_towards(kernel, route, remote)
    return Path(local, route.device, route.gateway, route.mtu or kernel.mtu_of(route.device))


def no_such_address(source: Address) -> HostError:
    """For a `local` that this host does not have."""
    return HostError(
        f"this host does not have the address {source}, which `local` names",
        fix="`ip address` shows those it has; correct `local`, or leave it out",
        reason="no-such-address",
    )


def address_on(kernel: Kernel, device: str, version: int) -> Address:
    """Our address on a device, not a link-local one. Raises HostError where it has none."""
    found = (each.ip for name, each in kernel.own_addresses() if name == device and each.version == version)
    address = next((each for each in found if not each.is_link_local), None)
    if address is None:
        raise HostError(
            f"{device}, which `interface` names, has no IPv{version} address",
            fix=f"`ip address show dev {device}` shows what it has; is it up?",
            reason="no-such-address",
        )
    return address


def source_in(kernel: Kernel, networks: Iterable[AddressRange]) -> Address | None:
    """An address of our own in one of the tunnel's local networks: what this host itself must call from."""
    own = [interface.ip for _, interface in kernel.own_addresses()]
    return next((address for network in networks for address in own if network.contains(address)), None)


def surroundings(kernel: Kernel) -> Surroundings:
    """What is around this host now. Raises HostError."""
    own = (interface.ip for _, interface in kernel.own_addresses())
    routes = [route for version in (4, 6) for route in kernel.routes(version, ours=False)]
    addresses = frozenset((*own, *(route.gateway for route in routes if route.gateway)))
    return Surroundings(addresses, tuple(route for route in routes if route.network.prefixlen))


def _search(kernel: Kernel, remote: Address) -> Route | None:
    """What the kernel would choose if our routes were not there: the longest prefix, then the lowest metric."""
    routes = (route for route in kernel.routes(remote.version, ours=False) if route.kind is not RouteKind.THROW)
    fitting = [route for route in routes if _covers(route, remote)]
    return max(fitting, key=lambda route: (route.network.prefixlen, -route.metric), default=None)


def _address_towards(kernel: Kernel, route: Route, remote: Address) -> Address:
    """The address of the device that is in one network with the next hop, else its first of the family."""
    next_hop = route.gateway or remote
    own = [each for each in kernel.addresses_of(route.device) if each.version == remote.version]
    usable = [each for each in own if not each.ip.is_link_local] or own
    if not usable:
        sentence = f"{route.device}, which leads to {remote}, has no address of its own"
        raise HostError(sentence, fix="Write local in the tunnel's table.", reason="no-route")
    return next((each.ip for each in usable if next_hop in each.network), usable[0].ip)


def _covers(route: Route, remote: Address) -> bool:
    return route.network.version == remote.version and remote in route.network
