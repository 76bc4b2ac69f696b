"""What a tunnel needs of the host: its device, addresses and routes, a block while it is down, and policies in the data
plane.

What stands at a level is one plan, so that going down undoes exactly what going up did. Device, policies and blocks
stand before anything is negotiated: nothing leaves in clear meanwhile. Blocks come first, because they need no device:
where the host refuses anything else, they stay, and the rest is tried again.

    ABSENT   nothing of it is on the host
    BLOCKED  only blocks: the host has refused the rest
    CLOSED   device, policies, blocks: traffic for the tunnel is dropped
    OPEN     routes into the device as well

It opens when a peer has proved who it is, because SAs follow at once and their first packets must find the routes, and
closes with the last inbound SA. Packets that are a moment too early are held by the data plane, which is why all
policies raise acquires; whether an acquire starts anything is the keeper's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.words import Binding as BindingKind
from ikevpn.config.words import WhenDown
from ikevpn.dataplane.interface import DataPlane
from ikevpn.errors import HostError
from ikevpn.ike.effects import DeleteSa
from ikevpn.model.address import Address, AddressRange, Network
from ikevpn.model.events import Code, Event
from ikevpn.model.sa import Direction, Policy, Sa
from ikevpn.model.selector import Selector
from ikevpn.net.addresses import plan_device
from ikevpn.net.host import Host
from ikevpn.net.plan import Plan
from ikevpn.net.routes import plan_blocks, plan_routes, plan_way_out
from ikevpn.service.contribution import refusal
from ikevpn.service.device_mtu import device_mtu
from ikevpn.service.devices import Devices
from ikevpn.service.priority import priority

FIRST_DYNAMIC_REQID = 1_000_000
"""From here on the engine numbers pairs that no configuration names: dialup peers and narrowed networks."""
MOST_REMOTES = 32
EXPECTED_WITHIN_S = 10.0
AGAIN_S = 60.0
"""How long after a refusal the host is asked again."""
_log = logging.getLogger(__name__)


class Level(IntEnum):
    ABSENT = 0
    BLOCKED = 1
    CLOSED = 2
    OPEN = 3


class Binding:
    """One tunnel's place on the host."""

    def __init__(self, config: TunnelConfig, reqids: Sequence[int], bindings: Bindings) -> None:
        self._config = config
        self._host, self._plane, self._devices = bindings.host, bindings.plane, bindings.devices
        self._report = bindings.report
        children = zip(config.template.children, reqids, strict=True)
        self._policies = [self._policy(child.selector, reqid) for child, reqid in children]
        self._dynamic: dict[int, Sa] = {}
        self._refused: dict[Network, str] = {}  # what peers have named and is not routed, with the reason
        self._inbound: Counter[int] = Counter()  # SAs by reqid
        self._remotes: dict[Address, None] = dict.fromkeys(config.remote_addresses)
        self._wanted = False
        self._always_open = False
        self._expecting: asyncio.TimerHandle | None = None
        self._level = Level.ABSENT
        self._again: asyncio.TimerHandle | None = None  # set while something is refused
        self._moving = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def device(self) -> str:
        """The device, while there is one."""
        return self._config.device if self._level >= Level.CLOSED else ""

    @property
    def absent(self) -> bool:
        """Whether nothing of it is on the host."""
        return self._level is Level.ABSENT

    async def stand(self, *, always_open: bool) -> None:
        """Set up what the tunnel needs; `always_open` for one that its own traffic starts.

        Raises HostError; what could be set up stays then, blocks above all, and the rest is tried again.
        """
        self._wanted, self._always_open = True, always_open
        await self._move()

    def expect(self) -> None:
        """SAs will follow at once: open; and close again if none came."""
        if self._expecting is None:
            self._expecting = asyncio.get_running_loop().call_later(EXPECTED_WITHIN_S, self._expected_long_enough)
            self.refresh()

    def _expected_long_enough(self) -> None:
        self._expect_no_more()
        self.refresh()

    def _expect_no_more(self) -> None:
        if self._expecting is not None:
            self._expecting.cancel()
            self._expecting = None

    async def close(self) -> None:
        """Down, yet still configured: what belongs into the tunnel does not leave in clear, unless the user says so."""
        self._wanted = self._wanted and self._config.when_down is not WhenDown.PASS
        self._always_open = False
        self._expect_no_more()
        await self._move()

    async def bar(self) -> None:
        """The same for a tunnel that nobody has wanted yet. Raises HostError; what could be set up stays then."""
        self._wanted = True
        await self.close()

    async def leave(self) -> None:
        """Undo everything. Raises HostError after everything was tried."""
        self._wanted = False
        self._expect_no_more()
        await self._move()

    def blocks(self) -> Plan:
        """What keeps the tunnel's traffic from leaving in clear."""
        return () if self._level is Level.ABSENT else self._blocks()

    @property
    def covers_peer(self) -> bool:
        """Whether the peer itself lies in a network behind the tunnel, so that it needs a route of its own."""
        networks = self._networks()
        return any(_covered(remote, networks) for remote in self._all_remotes())

    async def settled(self) -> None:
        """Wait until everything is in force."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def refresh(self) -> None:
        """Something changed: put in force what should be, soon; what the host refuses is reported."""
        if self._wanted:
            task = asyncio.create_task(self._move_and_report())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def admit(self, remotes: Iterable[Address]) -> None:
        """The peer is at one of these addresses: they must be reached outside of the tunnel. What was refused before
        is tried again. Raises HostError.
        """
        new = [remote for remote in remotes if remote not in self._remotes]
        for remote in new:
            self._know(remote)
        if (new and self._level is not Level.ABSENT) or (self._again and self._wanted):
            await self._move()

    def _know(self, remote: Address) -> None:
        self._remotes[remote] = None
        while len(self._remotes) > MOST_REMOTES:
            del self._remotes[next(iter(self._remotes))]

    def restore(self) -> None:
        """The data plane was started anew: tell it the policies again."""
        if self._level >= Level.CLOSED:
            self._add_policies()

    # SAs

    def adding(self, sa: Sa) -> None:
        """Before an SA is installed: the first opens the tunnel, and one that no configuration names gets policy and
        route.
        """
        if sa.direction is not Direction.IN:
            return
        self._inbound[sa.reqid] += 1
        first = self._inbound.total() == 1
        if sa.reqid < FIRST_DYNAMIC_REQID:
            self._know(sa.remote.address)
        elif sa.reqid not in self._dynamic:
            self._dynamic[sa.reqid] = sa
            self._change_dynamic(sa, self._plane.add_policy)
            first = first or self._config.any_remote
        if first:
            self.refresh()

    def deleted(self, effect: DeleteSa) -> None:
        """After an SA was deleted: the last closes the tunnel, and what was made for one of a kind goes with it."""
        if effect.direction is not Direction.IN or not self._inbound[effect.reqid]:
            return
        self._inbound[effect.reqid] -= 1
        if self._inbound[effect.reqid]:
            return
        del self._inbound[effect.reqid]
        sa = self._dynamic.pop(effect.reqid, None)
        if sa is not None:
            self._change_dynamic(sa, self._plane.delete_policy)
        if not self._inbound or self._config.any_remote:
            self.refresh()

    def _change_dynamic(self, sa: Sa, change: Callable[[Policy], None]) -> None:
        for selector in sa.selectors:
            change(self._policy(selector, sa.reqid))

    # Moving

    async def _move_and_report(self) -> None:
        try:
            await self._move()
        except HostError as error:
            facts = {"detail": str(error), "fix": error.fix}
            self._report(Event(Code.HOST_REFUSED, self._config.name, facts=facts))

    async def _move(self) -> None:
        """Go where things are to be now; calls that come meanwhile find it done. Raises HostError; then it is tried
        again.
        """
        async with self._moving:
            if self._again is not None:
                self._again.cancel()
                self._again = None
            try:
                await self._go(self._target())
            except HostError:
                self._again = asyncio.get_running_loop().call_later(AGAIN_S, self.refresh)
                raise

    async def _go(self, level: Level) -> None:
        if level is Level.ABSENT:
            await self._clear()
            return
        await self._judge_contributions()
        if self._level is Level.ABSENT:
            await self._host.apply(self._config.name, self._blocks())
            self._level = Level.BLOCKED
        if self._level is Level.BLOCKED:
            await self._devices.take(self._config.device, await self._mtu(), self._remotes)
            self._level = Level.CLOSED
        self._add_policies()
        await self._host.apply(self._config.name, await self._plan(level))
        self._level = level

    def _target(self) -> Level:
        if not self._wanted:
            return Level.ABSENT
        return Level.OPEN if self._always_open or self._inbound or self._expecting else Level.CLOSED

    async def _clear(self) -> None:
        before, self._level = self._level, Level.ABSENT
        if before is Level.ABSENT:
            return
        try:
            await self._host.undo(self._config.name)
        finally:
            if before >= Level.CLOSED:
                for policy in self._policies:
                    self._plane.delete_policy(policy)
                await self._devices.release(self._config.device)

    def _add_policies(self) -> None:
        for policy in self._policies:
            self._plane.add_policy(policy)
        for sa in self._dynamic.values():
            for selector in sa.selectors:
                self._plane.add_policy(self._policy(selector, sa.reqid))

    async def _judge_contributions(self) -> None:
        """What is refused is said once, for as long as it is."""
        found = self._contributed()
        here = await self._host.own_and_routers() if found else ()
        judged = {network: refusal(network, here) for network in found}
        refused = {network: why for network, why in judged.items() if why}
        for network in refused.keys() - self._refused.keys():
            facts = {"network": str(network), "detail": refused[network]}
            self._report(Event(Code.NETWORK_REFUSED, self._config.name, facts=facts))
        self._refused = refused

    async def _plan(self, level: Level) -> Plan:
        config, networks = self._config, self._networks()
        plan = await self._ways_out(networks) + self._blocks() + plan_device(config.device, config.addresses)
        if level is Level.OPEN:
            plan += plan_routes(networks, config.device, config.metric, await self._source())
        return plan

    def _blocks(self) -> Plan:
        if self._config.when_down is WhenDown.PASS:
            return ()
        return plan_blocks(self._networks(), reject=self._config.when_down is WhenDown.REJECT)

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
        found = (network for sa in self._dynamic.values() for s in sa.selectors for network in s.remote.networks())
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
        dynamic = (sa.remote.address for sa in self._dynamic.values())
        return list(dict.fromkeys((*self._remotes, *dynamic)))

    async def _source(self) -> Address | None:
        """What this host itself calls from: an address of the local networks, unless the device has its own."""
        if self._config.addresses and self._config.binding is BindingKind.ROUTE:
            return None
        ranges = [selector.local for selector in self._config.selectors]
        return await self._host.source_in(each for each in ranges if each != AddressRange.everything(each.version))

    async def _mtu(self) -> int:
        if self._config.mtu:
            return self._config.mtu
        remotes = (*self._config.remote_addresses, *self._remotes)
        try:
            path_mtus = [(await self._host.path_to(remote, self._config.local)).mtu for remote in remotes[:1]]
        except HostError:
            path_mtus = []
        version = remotes[0].version if remotes else 4
        return device_mtu(self._config.template, min(path_mtus, default=0), version)

    def _policy(self, selector: Selector, reqid: int) -> Policy:
        return Policy(
            device=self._config.device,
            selector=selector,
            reqid=reqid,
            tunnel=self._config.name,
            acquire=True,
            priority=priority(selector, made_for_a_peer=reqid >= FIRST_DYNAMIC_REQID),
        )


def _covered(remote: Address, networks: Iterable[Network]) -> bool:
    return any(remote.version == network.version and remote in network for network in networks)


class Bindings:
    """All bindings by tunnel; what `perform` tells before and after an SA."""

    def __init__(self, host: Host, plane: DataPlane, report: Callable[[Event], None]) -> None:
        self.host, self.plane, self.report = host, plane, report
        self.devices = Devices(plane)
        self._by_tunnel: dict[str, Binding] = {}

    def binding(self, config: TunnelConfig, reqids: Sequence[int]) -> Binding:
        """Make the binding of a tunnel; one that had the same name is forgotten and must be absent."""
        made = Binding(config, reqids, self)
        self._by_tunnel[config.name] = made
        return made

    def __iter__(self) -> Iterator[Binding]:
        return iter(tuple(self._by_tunnel.values()))

    def forget(self, tunnel: str) -> None:
        """The tunnel is no longer configured."""
        self._by_tunnel.pop(tunnel, None)

    def adding(self, sa: Sa) -> None:
        """An SA is about to be installed."""
        binding = self._by_tunnel.get(sa.tunnel)
        if binding is not None:
            binding.adding(sa)

    def deleted(self, effect: DeleteSa) -> None:
        """An SA was deleted."""
        binding = self._by_tunnel.get(effect.tunnel)
        if binding is not None:
            binding.deleted(effect)
