"""Plans for what should have come through a tunnel and comes in the clear: RFC 4301 §5.2 discards it.

Whether a packet belongs in a tunnel its source and target say (and protocol and ports, where a selector names them).
That is not enough where the remote network holds what the host reaches by itself: everything, or a network that the
local one lies in. There a packet from the next LAN must pass, so the route back to its source decides: into a tunnel of
ours, or to nowhere, because the tunnel is down. For a tunnel into which routes alone lead, they decide here, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from ikevpn.model.address import AddressRange, Network
from ikevpn.model.selector import Selector
from ikevpn.net.kernel.inward import Fate, Pair
from ikevpn.net.plan.steps import AddPair, AddTunnelDevice, Plan

WIDE = {4: 8, 6: 16}
"""A remote network with a shorter prefix, by version of IP, is no single site: it holds networks of others."""
_WITH_PORTS = (0, 6, 17, 33, 132, 136)  # any, TCP, UDP, DCCP, SCTP, UDP-Lite


def plan_discard(selectors: Iterable[Selector], device: str) -> Plan:
    """What `selectors` fit, seen from the peer, is to come out of `device` and nowhere else."""
    selectors = tuple(selectors)
    locals_ = [selector.local for selector in selectors]
    return _plan(device, (pair for each in selectors for pair in _pairs(each, _fate(each, locals_))))


def plan_discard_routed(selectors: Iterable[Selector], routes: Iterable[Network], device: str) -> Plan:
    """The same where routes lead into `device`: `routes` of ours, which have blocks, and those of others."""
    ours = (Pair(Fate.BY_ROUTE, network, _everything(network.version)) for network in routes)
    others = (pair for selector in selectors for pair in _pairs(selector, Fate.BY_DEVICE))
    return _plan(device, (*ours, *others))


def plan_accept(selectors: Iterable[Selector], device: str) -> Plan:
    """What `selectors` fit may come in the clear, whatever wider pairs of others say."""
    return _plan(device, (pair for selector in selectors for pair in _pairs(selector, Fate.ACCEPT)))


def _plan(device: str, pairs: Iterable[Pair]) -> Plan:
    return (AddTunnelDevice(device), *map(AddPair, dict.fromkeys(pairs)))


def _fate(selector: Selector, locals_: Iterable[AddressRange]) -> Fate:
    """By the widest of the networks that make up the remote range."""
    widest = min(network.prefixlen for network in selector.remote.networks())
    if widest < WIDE[selector.remote.version] or any(selector.remote.overlaps(local) for local in locals_):
        return Fate.BY_ROUTE
    return Fate.DISCARD


def _pairs(selector: Selector, fate: Fate) -> Iterator[Pair]:
    """ICMP has types and codes where others have ports; they are left to the protocol."""
    has_ports = selector.protocol in _WITH_PORTS
    ports = (selector.remote_port, selector.local_port) if has_ports else (0, 0)
    for remote in selector.remote.networks():
        for local in selector.local.networks():
            yield Pair(fate, remote, local, selector.protocol, *ports)


def _everything(version: int) -> Network:
    return ip_network("0.0.0.0/0" if version == 4 else "::/0")
