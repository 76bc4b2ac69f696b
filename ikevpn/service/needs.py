"""What a tunnel needs of the host: addresses, routes or rules, a block while it is down, the MTU of its device.

In transport mode it is rules, because the peer itself is all that is behind the tunnel; else routes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.words import Binding as BindingKind
from ikevpn.config.words import WhenDown, WhenUnprotected
from ikevpn.errors import HostError
from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.model.events import Code, Event
from ikevpn.model.sa import Sa
from ikevpn.model.selector import Selector
from ikevpn.net.addresses import plan_device
from ikevpn.net.host import Host
from ikevpn.net.plan import Plan
from ikevpn.net.routes import plan_blocks, plan_routes, plan_way_out
from ikevpn.net.rules import plan_into, plan_nowhere, plan_outside
from ikevpn.net.unprotected import plan_accept, plan_discard, plan_discard_routed
from ikevpn.service.contribution import refusal
from ikevpn.service.device_mtu import device_mtu

MOST_REMOTES = 32
FIRST_TABLE = 5_050_000
"""Tables of routes in transport mode: a tunnel's has the number of its first reqid after this one."""
_log = logging.getLogger(__name__)


class Needs:
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

    def admit(self, remotes: Iterable[Address]) -> list[Address]:
        """The peer is at one of these addresses; returns those that were not known."""
        new = [remote for remote in remotes if remote not in self.remotes]
        self.remotes |= dict.fromkeys(new)
        while len(self.remotes) > MOST_REMOTES:
            del self.remotes[next(iter(self.remotes))]
        return new

    @property
    def covers_peer(self) -> bool:
        """Whether the peer itself lies in a network behind the tunnel, so that it needs a route of its own."""
        networks = self._networks()
        return any(_covered(remote, networks) for remote in self._all_remotes())

    async def judge_contributions(self) -> None:
        """What is refused is said once, for as long as it is."""
        found = self._contributed()
        here = await self._host.own_and_routers() if found else ()
        judged = {network: refusal(network, here) for network in found}
        refused = {network: why for network, why in judged.items() if why}
        for network in refused.keys() - self._refused.keys():
            facts = {"network": str(network), "detail": refused[network]}
            self._report(Event(Code.NETWORK_REFUSED, self._config.name, facts=facts))
        self._refused = refused

    async def plan(self, *, is_open: bool) -> Plan:
        """Everything that is to be in force while the tunnel has its device."""
        config, networks = self._config, self._networks()
        plan = await self._ways_out(networks) + self.blocks() + self.unprotected(is_open=is_open)
        plan += plan_device(config.device, config.addresses)
        if is_open and self._pair is None:
            plan += plan_routes(networks, config.device, config.metric, await self._source())
        elif is_open and self._pair is not None:
            local, remote = self._pair
            plan += plan_into(remote, config.selectors, config.device, local, self._table)
        return plan

    def blocks(self) -> Plan:
        """What keeps the tunnel's traffic from leaving in clear, and what carries the tunnel out of that."""
        config, reject = self._config, self._config.when_down is WhenDown.REJECT
        plan = plan_outside(self._pair[1], self._ike_ports) if self._pair else ()
        if config.when_down is WhenDown.PASS:
            return plan
        if self._pair:
            return plan + plan_nowhere(self._pair[1], config.selectors, reject=reject)
        return plan_blocks(self._networks(), reject=reject)

    def unprotected(self, *, is_open: bool) -> Plan:
        """What keeps packets out that come in the clear. Where the tunnel's traffic is to leave in the clear while the
        tunnel is down, its answers come so, too.
        """
        config = self._config
        if config.when_unprotected is WhenUnprotected.ACCEPT or (config.when_down is WhenDown.PASS and not is_open):
            return plan_accept(config.selectors, config.device)
        if config.binding is BindingKind.ROUTE:
            plan = plan_discard_routed(config.selectors, self._networks(), config.device)
        else:
            plan = plan_discard(config.selectors, config.device)
        return plan + plan_accept(self.exceptions, config.device)

    def _networks(self) -> list[Network]:
        """What is routed. A peer that may be anywhere gets what its SAs say, within the bounds of `contribution`."""
        contributed = (network for network in self._contributed() if network not in self._refused)
        return [*self._fixed(), *contributed]

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

    async def _ways_out(self, networks: Sequence[Network]) -> Plan:
        """Routes for the peer itself where the tunnel's networks cover it; none where the host is not connected now."""
        plan: Plan = ()
        for remote in self._all_remotes():
            if _covered(remote, networks):
                try:
                    path = await self._host.path_to(remote, self._config.local)
                except HostError as error:
                    _log.warning("%s: %s", self._config.name, error)
                    continue
                plan += plan_way_out(networks, remote, path)
        return plan

    def _all_remotes(self) -> list[Address]:
        dynamic = (sa.remote.address for sa in self.dynamic.values())
        return list(dict.fromkeys((*self.remotes, *dynamic)))

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
            path_mtus = [(await self._host.path_to(remote, self._config.local)).mtu for remote in remotes[:1]]
        except HostError:
            path_mtus = []
        version = remotes[0].version if remotes else 4
        return device_mtu(self._config.template, min(path_mtus, default=0), version)


def _covered(remote: Address, networks: Iterable[Network]) -> bool:
    return any(remote.version == network.version and remote in network for network in networks)
