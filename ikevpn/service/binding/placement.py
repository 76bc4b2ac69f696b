"""Where the networks of a tunnel are routed: in our own table, before all that the host knows, or in the main one.

Strict routes stand in our table. It leaves to the host, although a network of the tunnel covers them:

- the tunnel's own local networks: with 10.0.0.0/8 behind the tunnel and 10.1.1.0/24 on our side the LAN works on;
- beside a default route, what is on a link of this host: its router must be reached, and answer;
- of what a peer from anywhere names, whatever this host has a route for.

The address of a peer is never left to the host: what carries the tunnel goes around by its mark, all else goes in.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ikevpn.config.configuration import TunnelConfig
from ikevpn.model.address import Network
from ikevpn.net.follow.rivals import Claim
from ikevpn.net.kernel.rtnetlink import Route, RouteKind
from ikevpn.service.binding.contribution import WIDEST


@dataclass(frozen=True, slots=True)
class Placement:
    """Networks by where they are routed: `strict` ones in our table, which has nothing for those `past` it, the others
    in the main table; and `around`, places of peers that the main table would lead into their own tunnel.
    """

    strict: tuple[Network, ...] = ()
    main: tuple[Network, ...] = ()
    past: tuple[Network, ...] = ()
    around: tuple[Network, ...] = ()


def place(
    fixed: Sequence[Network],
    contributed: Sequence[Network],
    *,
    strict: bool,
    local: Iterable[Network],
    peers: Iterable[Network],
    routes: Sequence[Route],
) -> Placement:
    """`fixed` networks are configured and `contributed` by peers; `local` ones are ours. `peers` is where peers are,
    `routes` what the host has beside its default route.
    """
    own = set(local)
    to_main = [n for n in fixed if not strict or (n in own and n.prefixlen)]  # of two equal ones the nearer counts
    known = {route.network for route in routes}
    inside = dict.fromkeys([n for n in fixed if n not in to_main] + [n for n in contributed if n not in known])
    past = dict.fromkeys(n for n in own if _is_inside(n, inside))
    past |= dict.fromkeys(_on_links(inside, routes))
    past |= dict.fromkeys(r.network for r in routes if _is_inside(r.network, contributed))
    past |= dict.fromkeys(n for n in to_main if n.prefixlen)  # a wider one may be another tunnel's, and strict
    covered = list(_covered(peers, to_main))
    uncovered = [p for p in peers if any(_within(p, n) for n in past) and any(_within(p, n) for n in inside)]
    inside |= dict.fromkeys((*covered, *uncovered))
    beyond = tuple(sorted((n for n in past if n not in inside), key=str))
    return Placement(tuple(inside), tuple(to_main), beyond, tuple(dict.fromkeys(covered)))


def claims(config: TunnelConfig, placement: Placement) -> list[Claim]:
    """What is to be routed into a tunnel, for those who look for what competes."""
    local = tuple(dict.fromkeys(selector.local for selector in config.selectors))
    strict = [Claim(network, past=placement.past, local=local) for network in placement.strict]
    main = [Claim(network, strict=False, metric=config.metric, local=local) for network in placement.main]
    return strict + [each for each in main if each.network not in placement.strict]


def _on_links(inside: Iterable[Network], routes: Iterable[Route]) -> Iterable[Network]:
    """What a default route leaves out. No link has half of the Internet on it, whatever a server of addresses says."""
    everything = {network.version for network in inside if not network.prefixlen}
    for route in routes:
        network = route.network
        direct = route.kind is RouteKind.UNICAST and route.gateway is None and route.device
        if direct and network.version in everything and network.prefixlen >= WIDEST[network.version]:
            yield network


def _covered(peers: Iterable[Network], networks: Iterable[Network]) -> Iterable[Network]:
    """The parts of `networks` in which a peer may be."""
    for peer in peers:
        for network in networks:
            if _within(peer, network):
                yield peer
            elif _within(network, peer):
                yield network


def _is_inside(network: Network, others: Iterable[Network]) -> bool:
    return any(network != other and _within(network, other) for other in others)


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
