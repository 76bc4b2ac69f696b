"""Plans of routes: into a tunnel, to nowhere while it is down, and around it for the peer's own address."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from ikevpn.model.address import Address, Network
from ikevpn.net.kernel import Route, RouteKind
from ikevpn.net.local import Path
from ikevpn.net.plan import AddRoute, Plan

BLOCK_METRIC = 2_000_000_000
"""Worse than any route that carries traffic, so that it counts only when nothing else is there."""


def plan_routes(networks: Iterable[Network], device: str, metric: int, source: Address | None = None) -> Plan:
    """Send `networks` into `device`. `source` is what this host itself calls from, where the family is the same."""
    return tuple(
        AddRoute(Route(network, device, None, _if_same_family(source, network), metric))
        for network in _halves(networks)
    )


def plan_blocks(networks: Iterable[Network], *, reject: bool = False) -> Plan:
    """Traffic for `networks` that finds no tunnel goes nowhere: dropped in silence, or with `reject` an ICMP error."""
    kind, metric = (RouteKind.UNREACHABLE, BLOCK_METRIC + 1) if reject else (RouteKind.BLACKHOLE, BLOCK_METRIC)
    return tuple(AddRoute(Route(network, metric=metric, kind=kind)) for network in _halves(networks))


def plan_way_out(networks: Iterable[Network], remote: Address, path: Path) -> Plan:
    """Keep the peer itself reachable where it lies in one of the networks behind the tunnel: its own route outside.

    Two tunnels to one peer have the same way out, whatever their own addresses: it names no source.
    """
    if not any(remote.version == network.version and remote in network for network in networks):
        return ()
    return (AddRoute(Route(ip_network(remote), path.device, path.gateway)),)


def _halves(networks: Iterable[Network]) -> Iterable[Network]:
    """The default route stays as it is and becomes the way out; two halves that are more exact go in front of it."""
    for network in networks:
        if network.prefixlen == 0:
            yield from network.subnets()
        else:
            yield network


def _if_same_family(source: Address | None, network: Network) -> Address | None:
    return source if source and source.version == network.version else None
