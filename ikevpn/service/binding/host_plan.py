"""What a tunnel needs of the host: addresses, routes or rules, a block while it is down, the MTU of its device.

In transport mode it is rules, because the peer itself is all that is behind the tunnel; else routes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from ipaddress import ip_network

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.keys.words import Binding as BindingKind
from ikevpn.config.keys.words import WhenDown, WhenUnprotected
from ikevpn.errors import HostError
from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.model.events.event import Code, Event
from ikevpn.model.sa import Sa
from ikevpn.model.selector import Selector
from ikevpn.net.follow.rivals import Claim
from ikevpn.net.host import Host
from ikevpn.net.kernel.rule import TUNNELS_TABLE
from ikevpn.net.plan.addresses import plan_device
from ikevpn.net.plan.local import Path, Surroundings
from ikevpn.net.plan.routes import plan_blocks, plan_past, plan_routes, plan_way_out
from ikevpn.net.plan.rules import plan_into, plan_nowhere, plan_outside, plan_tunnels_table, plan_ways_table
from ikevpn.net.plan.steps import Plan
from ikevpn.net.plan.unprotected import plan_accept, plan_discard, plan_discard_routed
from ikevpn.service.binding.contribution import refusal
from ikevpn.service.binding.device_mtu import device_mtu
from ikevpn.service.binding.own_address import towards
from ikevpn.service.binding.placement import Placement, claims, place

MOST_REMOTES = 32
FIRST_TABLE = 5_050_000
"""Tables for selectors with ports in transport mode: a tunnel's has the number of its first reqid after this one."""
_log = logging.getLogger(__name__)


class HostPlan:
    """What one tunnel needs, by its configuration and by what has become known of its peers since."""

    def __init__(
        self,
        config: TunnelConfig,
        reqids: tuple[int, ...],
        host: Host,
        ike_ports: tuple[int, ...],
        report: Callable[[Event], None],
    ) -> None:
        self.dynamic: dict[int, Sa] = {}  # by reqid: what no configuration names
        self.remotes: dict[Address, None] = dict.fromkeys(config.remote_addresses)
        self.exceptions: tuple[Selector, ...] = ()  # beyond the selectors: what may come in the clear all the same
        self._config = config
        self._host = host
        self._ike_ports = ike_ports
        self._report = report
        self._refused: dict[Network, str] = {}  # what peers have named and is not routed, with the reason
        self._pair = config.host_pair
        self._table = FIRST_TABLE + reqids[0]
        self._surroundings = Surroundings()

    def admit(self, remotes: Iterable[Address]) -> list[Address]:
        """The peer is at one of these addresses; returns those that were not known."""
        new = [remote for remote in remotes if remote not in self.remotes]
        self.remotes |= dict.fromkeys(new)
        while len(self.remotes) > MOST_REMOTES:
            del self.remotes[next(iter(self.remotes))]
        return new

    @property
    def follows_host(self) -> bool:
        """Whether what is needed depends on the routes that the host has."""
        return bool(self._placement().around) or self._asks_surroundings

    @property
    def drops_inside(self) -> bool:
        """Whether the block is that the way into the tunnel stands and the tunnel has no SA.

        Where it is for a peer or a router, a blackhole would, with loose reverse path filtering, which is usual, keep
        the kernel from answering ARP of that host on its own link.
        """
        if self._config.when_down is not WhenDown.BLOCK:
            return False
        inside = self._placement()
        neighbours = (*self._places(), *map(ip_network, self._surroundings.addresses))
        return self._pair is not None or any(
            _covered(each, (*inside.strict, *inside.main)) and not _covered(each, inside.past) for each in neighbours
        )

    async def survey(self) -> None:
        """Look at the host, and judge what peers contribute. What is refused is said once, for as long as it is."""
        if self._asks_surroundings or self._config.strict_routes:
            self._surroundings = await self._host.surroundings()
        here = self._surroundings.addresses
        judged = {network: refusal(network, here) for network in self._contributed()}
        refused = {network: why for network, why in judged.items() if why}
        for network in refused.keys() - self._refused.keys():
            facts = {"network": str(network), "detail": refused[network]}
            self._report(Event(Code.NETWORK_REFUSED, self._config.name, facts=facts))
        self._refused = refused

    @property
    def _asks_surroundings(self) -> bool:
        """Whether the host's routes say what a tunnel leaves to it."""
        return bool(self._contributed()) or any(not network.prefixlen for network in self._fixed())

    async def plan(self, *, is_open: bool) -> Plan:
        """Everything that is to be in force while the tunnel has its device."""
        config, placement = self._config, self._placement()
        plan = self.blocks() + await self._ways_out(placement.around) + self.unprotected(is_open=is_open)
        plan += plan_device(config.device, config.addresses)
        if is_open and self._pair is None:
            source = await self._source()
            plan += plan_routes(placement.strict, config.device, config.metric, source, TUNNELS_TABLE)
            plan += plan_routes(placement.main, config.device, config.metric, source)
        elif is_open and self._pair is not None:
            local, remote = self._pair
            plan += plan_into(remote, config.selectors, config.device, local, self._table)
        return plan

    def blocked(self) -> tuple[Network, ...]:
        """Networks whose traffic goes nowhere while the tunnel is down."""
        if self._config.when_down is WhenDown.PASS:
            return ()
        placement = self._placement()
        return (ip_network(self._pair[1]),) if self._pair else (*placement.main, *placement.strict)

    def claims(self) -> list[Claim]:
        """What is to be routed into the tunnel, and what it leaves to the host."""
        selectors = self._config.selectors
        if self._pair is None:
            return claims(self._config, self._placement())
        if any(selector.protocol for selector in selectors):
            return []  # the rest to this peer is none of the tunnel's business
        return [Claim(ip_network(self._pair[1]), local=tuple(selector.local for selector in selectors))]

    def block_of(self, address: Address) -> Network | None:
        """The network by which what is sent to an address goes nowhere while the tunnel is down."""
        place = ip_network(address)
        found = [network for network in self.blocked() if _covered(place, [network])]
        widths = (network.prefixlen for network in self._placement().past if _covered(place, [network]))
        nearest = max(found, key=lambda network: network.prefixlen, default=None)
        return nearest if nearest and nearest.prefixlen >= max(widths, default=0) else None

    def blocks(self) -> Plan:
        """What keeps the tunnel's traffic from leaving in clear, and what carries the tunnel out of that."""
        config, reject = self._config, self._config.when_down is WhenDown.REJECT
        if self._pair:
            outside = plan_outside([self._pair[1].version], self._ike_ports)
            blocked = config.when_down is not WhenDown.PASS
            return outside + (plan_nowhere(self._pair[1], config.selectors, reject=reject) if blocked else ())
        placement = self._placement()
        versions = {network.version for network in (*placement.strict, *placement.around)}
        plan = plan_outside(versions, self._ike_ports) + plan_ways_table({n.version for n in placement.around})
        plan += plan_tunnels_table(versions) + plan_past(placement.past)
        if config.when_down is not WhenDown.PASS:
            plan += plan_blocks(placement.strict, TUNNELS_TABLE, reject=reject)
            plan += plan_blocks(placement.main, reject=reject)
        return plan

    def unprotected(self, *, is_open: bool) -> Plan:
        """What keeps packets out that come in the clear. Where the tunnel's traffic is to leave in the clear while the
        tunnel is down, its answers come so, too.
        """
        config = self._config
        if config.when_unprotected is WhenUnprotected.ACCEPT or (config.when_down is WhenDown.PASS and not is_open):
            return plan_accept(config.selectors, config.device)
        if config.binding is BindingKind.ROUTE:
            plan = plan_discard_routed(config.selectors, [*self._fixed(), *self._accepted()], config.device)
        else:
            plan = plan_discard(config.selectors, config.device)
        return plan + plan_accept(self.exceptions, config.device)

    def _placement(self) -> Placement:
        """A peer that may be anywhere gets what its SAs say, within the bounds of `contribution`."""
        if self._pair:
            return Placement()
        return place(
            self._fixed(),
            self._accepted(),
            strict=self._config.strict_routes,
            local=(network for selector in self._config.selectors for network in selector.local.networks()),
            peers=self._places(),
            routes=self._surroundings.routes,
        )

    def _accepted(self) -> list[Network]:
        return [network for network in self._contributed() if network not in self._refused]

    def _fixed(self) -> list[Network]:
        """What the configuration says; to a peer that may be anywhere never the default route."""
        return [network for network in self._config.routes if network.prefixlen or not self._config.any_remote]

    def _contributed(self) -> list[Network]:
        """What peers that may be anywhere have named beyond that."""
        if not self._config.any_remote:
            return []
        fixed = self._fixed()
        found = (network for sa in self.dynamic.values() for s in sa.selectors for network in s.remote.networks())
        return [network for network in dict.fromkeys(found) if network not in fixed]

    async def _ways_out(self, places: Iterable[Network]) -> Plan:
        """Routes for places of peers that the main table leads into the tunnel; none where the host is offline."""
        plan: Plan = ()
        for each in places:
            try:
                path = await self._path_to(each.network_address)
            except HostError as error:
                _log.warning("%s: %s", self._config.name, error)
                continue
            plan += plan_way_out(each, path)
        return plan

    async def _path_to(self, remote: Address) -> Path:
        return await self._host.path_to(remote, await towards(self._host, self._config, remote))

    def _places(self) -> list[Network]:
        """Where peers are, as far as that is known."""
        dynamic = (sa.remote.address for sa in self.dynamic.values())
        ranges = (each for each in self._config.remotes if isinstance(each, AddressRange))
        known = (network for each in ranges for network in each.networks())
        return list(dict.fromkeys((*map(ip_network, (*self.remotes, *dynamic)), *known)))

    async def _source(self) -> Address | None:
        """What this host itself calls from: an address of the local networks, unless the device has its own."""
        if self._config.addresses and self._config.binding is BindingKind.ROUTE:
            return None
        ranges = [selector.local for selector in self._config.selectors]
        return await self._host.source_in(each for each in ranges if each != AddressRange.everything(each.version))

    async def mtu(self) -> int:
        """The device's."""
        if self._config.mtu:
            return self._config.mtu
        remotes = (*self._config.remote_addresses, *self.remotes)
        try:
            path_mtus = [(await self._path_to(remote)).mtu for remote in remotes[:1]]
        except HostError:
            path_mtus = []
        version = remotes[0].version if remotes else 4
        return device_mtu(self._config.template, min(path_mtus, default=0), version)


def _covered(place: Network, networks: Iterable[Network]) -> bool:
    return any(place.version == each.version and place.subnet_of(each) for each in networks)  # type: ignore[arg-type]
