"""Plans of routes: into a tunnel, to nowhere while it is down, past it, and around it for what carries it.

They stand in a table of our own, which is asked before the host's (`rules`), or in the main table, where the most exact
route wins, whoever has set it, and of equal ones the lowest metric.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.model.address import Address, Network
from ikevpn.net.kernel.rtnetlink import MAIN_TABLE, Route, RouteKind
from ikevpn.net.kernel.rule import TUNNELS_TABLE, WAYS_TABLE
from ikevpn.net.plan.local import Path
from ikevpn.net.plan.steps import AddRoute, Plan

BLOCK_METRIC = 2_000_000_000
"""Worse than any route that carries traffic, so that it counts only when nothing else is there."""
PAST_METRIC = 3_000_000_000
"""Worse than a block: where one tunnel passes a network by and another has it behind it, the other counts."""


def plan_routes(
    networks: Iterable[Network], device: str, metric: int, source: Address | None = None, table: int = MAIN_TABLE
) -> Plan:
    """Send `networks` into `device`. `source` is what this host itself calls from, where the family is the same."""
    return tuple(
        AddRoute(Route(network, device, None, _if_same_family(source, network), metric, table=table))
        for network in _parts(networks, table)
    )


def plan_blocks(networks: Iterable[Network], table: int = MAIN_TABLE, *, reject: bool = False) -> Plan:
    """Traffic for `networks` that finds no tunnel goes nowhere: dropped in silence, or with `reject` an ICMP error."""
    return tuple(AddRoute(block(network, table, reject=reject)) for network in _parts(networks, table))


def block(network: Network, table: int, *, reject: bool) -> Route:
    """The route to nowhere of one network."""
    kind, metric = (RouteKind.UNREACHABLE, BLOCK_METRIC + 1) if reject else (RouteKind.BLACKHOLE, BLOCK_METRIC)
    return Route(network, metric=metric, kind=kind, table=table)


def plan_past(networks: Iterable[Network]) -> Plan:
    """For `networks` our table says nothing, although it has a wider one: they are routed as without us."""
    return tuple(AddRoute(Route(n, metric=PAST_METRIC, kind=RouteKind.THROW, table=TUNNELS_TABLE)) for n in networks)


def plan_way_out(place: Network, path: Path) -> Plan:
    """What carries a tunnel reaches the peer at `place`, although the main table leads it into the tunnel.

    Two tunnels to one peer have the same way out, whatever their own addresses: it names no source.
    """
    return (AddRoute(Route(place, path.device, path.gateway, table=WAYS_TABLE)),)


def _parts(networks: Iterable[Network], table: int) -> Iterable[Network]:
    """In the main table the default route stays as it is; two halves that are more exact go in front of it."""
    for network in networks:
        if network.prefixlen == 0 and table == MAIN_TABLE:
            yield from network.subnets()
        else:
            yield network


def _if_same_family(source: Address | None, network: Network) -> Address | None:
    return source if source and source.version == network.version else None
