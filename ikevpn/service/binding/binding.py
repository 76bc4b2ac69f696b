"""A tunnel on its way between levels on the host, and its policies in the data plane. `host_plan` says what is there.

What stands at a level is one plan, so that going down undoes exactly what going up did. Device, policies and blocks
stand before anything is negotiated: nothing leaves in clear meanwhile. Blocks come first, because they need no device:
where the host refuses anything else, they stay, and the rest is tried again.

    ABSENT   nothing of it is on the host
    BLOCKED  only blocks: the host has refused the rest
    CLOSED   device, policies, blocks: traffic for the tunnel is dropped
    OPEN     routes into the device as well

It opens when a peer has proved who it is, or nobody has to, because SAs follow at once and their first packets must
find the routes, and closes with the last inbound SA. Packets that are a moment too early are held by the data plane,
which is why all policies raise acquires; whether an acquire starts anything is the keeper's business.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.keys.words import WhenDown
from ikevpn.dataplane.interface.sa_plane import SaPlane
from ikevpn.errors import HostError
from ikevpn.ike.state.effects import DeleteSa
from ikevpn.model.address import Address, Network
from ikevpn.model.events.event import Code, Event
from ikevpn.model.sa import Direction, Policy, Sa, is_dynamic
from ikevpn.model.selector import Selector
from ikevpn.net.follow.rivals import Claim, Rival
from ikevpn.net.host import Host
from ikevpn.net.plan.steps import Plan
from ikevpn.service.binding.devices import Devices
from ikevpn.service.binding.expectation import Expectation
from ikevpn.service.binding.host_plan import HostPlan
from ikevpn.service.binding.priority import priority
from ikevpn.service.tasks import Tasks

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
        self._report, self._look_for_rivals = bindings.report, bindings.look_for_rivals
        children = zip(config.template.children, reqids, strict=True)
        self._configured: dict[int, list[Policy]] = {}
        for child, reqid in children:
            self._configured.setdefault(reqid, []).append(self._policy(child.selector, reqid))
        self._agreed: dict[int, list[Policy]] = {}  # where a peer has agreed to less
        self._plan = HostPlan(config, tuple(reqids), bindings.host, bindings.ike_ports, bindings.report)
        self._inbound: Counter[int] = Counter()  # SAs by reqid
        self._wanted = False
        self._always_open = False
        self._expecting = Expectation(self.refresh)
        self._opening: asyncio.Future[None] | None = None
        self._waiting: asyncio.Future[None] | None = None  # a refresh that has not begun
        self._level = Level.ABSENT
        self._again: asyncio.TimerHandle | None = None  # set while something is refused
        self._moving = asyncio.Lock()
        self._tasks = Tasks()
        self.rivals: tuple[Rival, ...] = ()  # routes of the host by which the tunnel's traffic leaves in the clear

    @property
    def name(self) -> str:
        return self._config.name

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
        if not self._expecting:
            self._expecting.begin()
            self.refresh()

    async def open(self) -> None:
        """For SAs that no peer has to agree to: open when this returns, if wanted; and close again if none came.

        Raises HostError.
        """
        self._expecting.begin()
        try:
            await self._move()
        except HostError:
            self._expecting.end()
            raise

    async def close(self) -> None:
        """Down, yet still configured: what belongs into the tunnel does not leave in clear, unless the user says so."""
        self._wanted = self._wanted and self._config.when_down is not WhenDown.PASS
        self._always_open = False
        self._expecting.end()
        await self._move()

    async def bar(self) -> None:
        """The same for a tunnel that nobody has wanted yet. Raises HostError; what could be set up stays then."""
        self._wanted = True
        await self.close()

    async def leave(self) -> None:
        """Undo everything. Raises HostError after everything was tried."""
        self._wanted = False
        self._expecting.end()
        await self._move()

    def blocks(self) -> Plan:
        """What keeps the tunnel's traffic from leaving and from coming in the clear."""
        return () if self._level is Level.ABSENT else self._plan.blocks() + self._plan.unprotected(is_open=False)

    def blocked(self) -> tuple[Network, ...]:
        """Networks whose traffic goes nowhere now if the tunnel is down."""
        return () if self._level is Level.ABSENT else self._plan.blocked()

    def block_of(self, address: Address) -> Network | None:
        """That of these networks by which what is sent to an address goes nowhere."""
        return None if self._level is Level.ABSENT else self._plan.block_of(address)

    @property
    def follows_host(self) -> bool:
        """Whether what it needs depends on the routes that the host has."""
        return self._plan.follows_host

    async def except_unprotected(self, selectors: Iterable[Selector]) -> None:
        """What `selectors` fit may come in the clear, though wider ones of the tunnel say no: what we
        ourselves send and expect beside its traffic. Raises HostError.
        """
        self._plan.exceptions = tuple(selectors)
        if self._level is not Level.ABSENT:
            await self._move()

    async def settled(self) -> None:
        """Wait until everything is in force."""
        await self._tasks.settled()

    def refresh(self) -> asyncio.Future[None] | None:
        """Something changed: put in force what should be, soon; what the host refuses is reported. Done when it is.

        All changes until that begins are one: peers that come at once cost one look at all of them, not one each.
        """
        if not self._wanted:
            return None
        if self._waiting is None or self._waiting.done():
            self._waiting = self._tasks.start(self._move_and_report())
        return self._waiting

    async def admit(self, remotes: Iterable[Address]) -> None:
        """The peer is at one of these addresses: they must be reached outside of the tunnel. What was refused before
        is tried again. Raises HostError.
        """
        new = self._plan.admit(remotes)
        if (new and self._level is not Level.ABSENT) or (self._again and self._wanted):
            await self._move()

    def restore(self) -> None:
        """The data plane was started anew: tell it the policies again."""
        if self._level >= Level.CLOSED:
            self._add_policies()

    # SAs

    def adding(self, sa: Sa) -> asyncio.Future[None] | None:
        """Before an SA is installed: the first opens the tunnel, and one that no configuration names gets policy and
        route. Where these are not in force yet, the future is done when they are, or the host has refused.
        """
        if sa.direction is not Direction.IN:
            return None
        self._expecting.end()
        self._inbound[sa.reqid] += 1
        first, is_open = self._inbound.total() == 1, self._level is Level.OPEN
        if not is_dynamic(sa.reqid):
            self._plan.admit([sa.remote.address])
            self._agree(sa.reqid, sa.selectors)
        elif sa.reqid not in self._plan.dynamic:
            self._plan.dynamic[sa.reqid] = sa
            self._change_dynamic(sa, self._plane.add_policy)
            first, is_open = first or self._config.any_remote, is_open and not self._config.any_remote
        if first:
            self._opening = self.refresh()
        return None if is_open else self._opening

    def deleted(self, effect: DeleteSa) -> None:
        """After an SA was deleted: the last closes the tunnel, and what was made for one of a kind goes with it."""
        if effect.direction is not Direction.IN or not self._inbound[effect.reqid]:
            return
        self._inbound[effect.reqid] -= 1
        if self._inbound[effect.reqid]:
            return
        del self._inbound[effect.reqid]
        sa = self._plan.dynamic.pop(effect.reqid, None)
        if sa is not None:
            self._change_dynamic(sa, self._plane.delete_policy)
        self._agree(effect.reqid, ())
        if not self._inbound or self._config.any_remote:
            self.refresh()

    def _agree(self, reqid: int, selectors: tuple[Selector, ...]) -> None:
        """A peer that has agreed to less than was asked for gets no more than that: the rest is led into the device,
        and no further. Nothing agreed: what is configured, so that traffic asks for it.
        """
        configured = self._configured.get(reqid, [])
        if len(configured) != 1:
            return
        before = self._agreed.pop(reqid, configured)
        after = [self._policy(selector, reqid) for selector in selectors] or configured
        if after != configured:
            self._agreed[reqid] = after
        if self._level >= Level.CLOSED:
            for policy in after:
                if policy not in before:
                    self._plane.add_policy(policy)
            for policy in before:
                if policy not in after:
                    self._plane.delete_policy(policy)

    def _current(self) -> Iterable[Policy]:
        """The policies of the configured pairs, as they are in use."""
        for reqid, configured in self._configured.items():
            yield from self._agreed.get(reqid, configured)

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
        again. A way that was begun is gone to its end: else nobody would know what stands on the host.
        """
        await self._tasks.run(self._move_now())

    async def _move_now(self) -> None:
        async with self._moving:
            self._waiting = None
            if self._again is not None:
                self._again.cancel()
                self._again = None
            try:
                if self._wanted:
                    await self._plan.survey()
                await self._go(self._target())
                await self._look_for_rivals(self)
            except HostError:
                self._again = asyncio.get_running_loop().call_later(AGAIN_S, self.refresh)
                raise

    async def _go(self, level: Level) -> None:
        if level is Level.ABSENT:
            await self._clear()
            return
        if self._level is Level.ABSENT:
            await self._host.apply(self._config.name, self._plan.blocks())
            self._level = Level.BLOCKED
        if self._level is Level.BLOCKED:
            await self._host.apply(self._config.name, self.blocks())
            await self._devices.take(self._config.device, await self._plan.mtu(), self._plan.remotes)
            self._level = Level.CLOSED
            self._add_policies()
        await self._host.apply(self._config.name, await self._plan.plan(is_open=level is Level.OPEN))
        self._level = level

    def claims(self) -> list[Claim]:
        """What is to be routed into the tunnel now, or nowhere."""
        passes = self._config.when_down is WhenDown.PASS and self._level < Level.OPEN
        return [] if passes or self._level is Level.ABSENT else self._plan.claims()

    def tell_rivals(self, found: tuple[Rival, ...]) -> None:
        """These routes win now; what is new is said."""
        before, self.rivals = self.rivals, found
        for rival in found:
            if rival not in before:
                facts = {"network": str(rival.network), "route": str(rival)}
                self._report(Event(Code.ROUTE_COMPETES, self._config.name, facts=facts))

    def _target(self) -> Level:
        if not self._wanted:
            return Level.ABSENT
        is_open = self._always_open or self._inbound or self._expecting or self._plan.drops_inside
        return Level.OPEN if is_open else Level.CLOSED

    async def _clear(self) -> None:
        before, self._level = self._level, Level.ABSENT
        if before is Level.ABSENT:
            return
        try:
            await self._host.undo(self._config.name)
        finally:
            if before >= Level.CLOSED:
                for policy in self._current():
                    self._plane.delete_policy(policy)
                await self._devices.release(self._config.device)

    def _add_policies(self) -> None:
        for policy in self._current():
            self._plane.add_policy(policy)
        for sa in self._plan.dynamic.values():
            for selector in sa.selectors:
                self._plane.add_policy(self._policy(selector, sa.reqid))

    def _policy(self, selector: Selector, reqid: int) -> Policy:
        return Policy(
            device=self._config.device,
            selector=selector,
            reqid=reqid,
            tunnel=self._config.name,
            acquire=True,
            priority=priority(selector, made_for_a_peer=is_dynamic(reqid)),
        )


class Bindings:
    """All bindings by tunnel; what `perform` tells before and after an SA."""

    def __init__(
        self,
        host: Host,
        plane: SaPlane,
        report: Callable[[Event], None],
        ike_ports: tuple[int, ...] = (500, 4500),
    ) -> None:
        self.host, self.plane, self.report, self.ike_ports = host, plane, report, ike_ports
        self.devices = Devices(plane)
        self._by_tunnel: dict[str, Binding] = {}

    def binding(self, config: TunnelConfig, reqids: Sequence[int]) -> Binding:
        """Make the binding of a tunnel; one that had the same name is forgotten and must be absent."""
        made = Binding(config, reqids, self)
        self._by_tunnel[config.name] = made
        return made

    def __iter__(self) -> Iterator[Binding]:
        return iter(tuple(self._by_tunnel.values()))

    async def look_for_rivals(self, *only: Binding) -> None:
        """Ask which routes win over those of tunnels, of all by default. Raises HostError."""
        bindings = {each.name: each for each in only or self}
        found = await self.host.rivals({name: each.claims() for name, each in bindings.items()}, self.devices.names())
        for name, rivals in found.items():
            bindings[name].tell_rivals(rivals)

    def forget(self, tunnel: str) -> None:
        """The tunnel is no longer configured."""
        self._by_tunnel.pop(tunnel, None)

    def adding(self, sa: Sa) -> asyncio.Future[None] | None:
        """An SA is about to be installed; where the host is not ready for it yet, the future says when."""
        binding = self._by_tunnel.get(sa.tunnel)
        return binding.adding(sa) if binding is not None else None

    def deleted(self, effect: DeleteSa) -> None:
        """An SA was deleted."""
        binding = self._by_tunnel.get(effect.tunnel)
        if binding is not None:
            binding.deleted(effect)
