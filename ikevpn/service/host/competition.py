"""What on this host competes with the tunnels of a configuration, for `ikevpn check --host`. Changes nothing, and needs
no privilege.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from ipaddress import ip_network

from ikevpn.config.configuration import Configuration, TunnelConfig
from ikevpn.model.address import AddressRange, Network
from ikevpn.net.follow.rivals import find_rivals
from ikevpn.net.kernel.rtnetlink import Kernel, Route
from ikevpn.net.plan.local import surroundings
from ikevpn.service.binding.placement import Placement, claims, place


def competing(configuration: Configuration) -> list[str]:
    """A sentence for each route that would win over a tunnel, and for each network of this host that a tunnel would
    win over. Raises HostError.
    """
    with contextlib.closing(Kernel()) as kernel:
        routes = surroundings(kernel).routes
        placements = {name: _placement(config, routes) for name, config in configuration.tunnels.items()}
        wanted = {name: claims(configuration.tunnels[name], each) for name, each in placements.items()}
        devices = {config.device for config in configuration.tunnels.values()}
        found = find_rivals(kernel, wanted, devices, stands=False)
    sentences = [
        f"tunnel {name}: {rival.network} would leave in the clear by another route of this host: {rival}"
        for name, rivals in found.items()
        for rival in rivals
    ]
    for name, placement in placements.items():
        sentences += _taken(name, placement, [route for route in routes if route.device not in devices])
    return sentences


def _placement(config: TunnelConfig, routes: tuple[Route, ...]) -> Placement:
    if config.host_pair:
        return Placement(strict=(ip_network(config.host_pair[1]),))
    ranges = (each for each in config.remotes if isinstance(each, AddressRange))
    return place(
        [network for network in config.routes if network.prefixlen or not config.any_remote],
        (),
        strict=config.strict_routes,
        local=(network for selector in config.selectors for network in selector.local.networks()),
        peers=[network for each in ranges for network in each.networks()],
        routes=routes,
    )


def _taken(name: str, placement: Placement, routes: Iterable[Route]) -> Iterable[str]:
    for route in routes:
        inside = any(_within(route.network, network) for network in placement.strict)
        if inside and not any(_within(route.network, network) for network in placement.past):
            yield (
                f"tunnel {name}: what this host sends to {route.network} goes into the tunnel, and no longer by the "
                f"route {route}; name that network in local_networks, or write strict_routes = false, to keep it"
            )


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and network.subnet_of(other)  # type: ignore[arg-type]
