"""One tunnel at work: what its keeper wants becomes preparations on the host, lookups of names and calls to the engine.

The order is the point: device, policies and blocks stand before anything is negotiated, and go after everything is torn
down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from ikevpn.config.configuration import TunnelConfig
from ikevpn.errors import HostError, UsageError
from ikevpn.ike.state.effects import ChildUp, PeerAuthenticated, PeerLost, StateChange
from ikevpn.model.address import Address, AddressRange, Endpoint
from ikevpn.model.events.event import Code, Event, Fact, Reason
from ikevpn.model.tunnel import DpdAction
from ikevpn.net.follow.dns import resolve
from ikevpn.net.host import Host
from ikevpn.service.binding.binding import Bindings
from ikevpn.service.binding.own_address import NOWHERE, called_at, towards
from ikevpn.service.driver import Driver
from ikevpn.service.ike_port.ports import IkePorts
from ikevpn.service.tunnel.at_rest import AtRest
from ikevpn.service.tunnel.failure import Cause, Failure
from ikevpn.service.tunnel.keeper import Keeper, PeerPath, Unreachable
from ikevpn.service.tunnel.keying import IkeKeying, Keying
from ikevpn.service.tunnel.manual import ManualKeying
from ikevpn.service.tunnel.renewal import Renewal
from ikevpn.service.tunnel.sequences import Sequences
from ikevpn.service.tunnel.wishes import Wanted, Wisher

NAMES_AGAIN_S = 300.0
"""How often the name of a peer is looked up again."""
_REASONS = {"dns": Reason.NAME_NOT_FOUND, "no-route": Reason.NO_ROUTE}
_AFTER_DEATH = {DpdAction.RESTART: Wanted.UP, DpdAction.HOLD: Wanted.ON_DEMAND, DpdAction.CLEAR: Wanted.LISTEN}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """All that the tunnels of a daemon share."""

    driver: Driver
    host: Host
    ports: IkePorts
    bindings: Bindings
    report: Callable[[Event], None]
    sequences: Sequences
    natt_port: int = 4500
    at_rest: AtRest = field(default_factory=AtRest)


class Tunnel:
    """One tunnel at work: `reach` for its keeper, and the order in which things are prepared and undone."""

    def __init__(self, config: TunnelConfig, world: World, reqids: Sequence[int]) -> None:
        self.config = config
        self.reqids = tuple(reqids)
        children = {child.name: reqid for child, reqid in zip(config.template.children, reqids, strict=True)}
        self.remotes: tuple[AddressRange, ...] = ()
        self.keeper = Keeper(config.name, children, self)
        self.binding = world.bindings.binding(config, self.reqids)
        self.keying = _keying(config, self.reqids, world)
        self._world = world
        self._own: Address | None = config.local
        self._addresses: dict[str, tuple[Address, ...]] = {}
        self._following: asyncio.Task[None] | None = None
        self._names_now = asyncio.Event()
        self._turning: asyncio.Task[None] | None = None
        self._renewals: list[Renewal] = []
        self._wish = asyncio.Lock()  # the last wish is the one that counts, so none overtakes another
        self._rest()

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def secret_facts(self) -> dict[str, Fact]:
        """Where the secret is kept. Nothing made of the secret itself: events are logged, and logs are passed on."""
        return {"secret_from": self.config.secret_from}

    async def want(self, wanted: Wanted) -> None:
        """Prepare the host, tell the engine, and from then on keep the tunnel as wanted.

        Raises HostError where the host refuses something; the tunnel is wanted all the same. One that is wanted up
        does not raise: its attempts meet the refusal, say so and come again.
        """
        if wanted is Wanted.DOWN:
            raise UsageError("a tunnel goes down by Tunnel.down")
        self._stop_turning()
        async with self._wish:
            self._world.at_rest.discard(self.name)
            refusal = await self._stand(always_open=wanted is Wanted.ON_DEMAND)
            if not self.config.remote_names:
                await self._find_own([remote for remote in self.config.remotes if isinstance(remote, AddressRange)])
                self._know([remote for remote in self.config.remotes if isinstance(remote, AddressRange)])
            if self.config.remote_names and self._following is None:
                self._following = asyncio.create_task(self._follow_names(), name=f"names of {self.name}")
            self.keeper.want(wanted)
        if refusal is not None and wanted is not Wanted.UP:
            raise refusal

    async def _stand(self, *, always_open: bool) -> HostError | None:
        """What the host refuses of it, if anything."""
        try:
            await self.binding.stand(always_open=always_open)
        except HostError as error:
            return error
        return None

    async def down(self, *, still_configured: bool = False) -> None:
        """Start nothing more, tell the peer, undo what was set up on the host.

        Of a tunnel that is `still_configured` the block stays: its traffic does not leave in clear.
        """
        self._stop_turning()
        async with self._wish:
            await self.keeper.close()
            if self._following is not None:
                self._following.cancel()
                self._following = None
            self.lose_everything()
            self.keying.forget()
            if still_configured:
                self._rest()
                await self.binding.close()
            else:
                self._world.at_rest.discard(self.name)
                await self.binding.leave()

    def _rest(self) -> None:
        """A peer that calls now calls a tunnel that is down."""
        if self.config.manual is None:
            known = self.remotes or [each for each in self.config.remotes if isinstance(each, AddressRange)]
            self._world.at_rest.add(self.name, known)

    def lose_everything(self, reason: Reason = Reason.REQUESTED) -> None:
        """All SAs go on our side: tell the peer, and begin again where the tunnel is wanted."""
        self.keying.end(reason)

    async def look_again(self) -> None:
        """The host's addresses or routes have changed, or the peer's name: where that leaves the keys on a way that is
        none any more, and nobody else would notice, begin anew.
        """
        path = self.keying.path
        if await self._own_has_changed() or path is None:
            return
        try:
            paths = await self._paths([remote.first for remote in self.remotes])
        except HostError:
            return  # no way at all; when there is one again, that is a change too
        if path not in paths and self.keying.path == path:
            self.lose_everything(Reason.PATH_CHANGED)

    async def _own_has_changed(self) -> bool:
        """Whether our interface has another address: SAs with the old one lead nowhere, and peers call the new one."""
        if self.config.interface is None or self.keeper.wanted is Wanted.DOWN:
            return False
        before, self._own = self._own, await called_at(self._world.host, self.config, self.remotes)
        if self._own == before:
            return False
        self._know(self.remotes)
        if before is not NOWHERE:
            self.lose_everything(Reason.PATH_CHANGED)
        if self.keeper.wanted is Wanted.UP and self.keeper.missing():
            self.keeper.begin_again()  # at once, not after the pause
        return True

    def changed(self, change: StateChange) -> None:
        """The state of this tunnel has changed."""
        self.keeper.changed(change)
        match change:
            case PeerAuthenticated():
                self.binding.expect()
            case PeerLost():
                self._peer_lost()
            case ChildUp() if self.keeper.wish_of(Wisher.MONITOR) is Wanted.UP and not self.keeper.missing():
                self.keeper.withdraw(Wisher.MONITOR)  # the peer is back
        for renewal in tuple(self._renewals):
            renewal.changed(change)

    @contextmanager
    def renewal(self, names: Iterable[str]) -> Iterator[Renewal]:
        """Follows the renewal of children, and of phase 1, for as long as somebody waits for it."""
        renewal = Renewal(names)
        self._renewals.append(renewal)
        try:
            yield renewal
        finally:
            self._renewals.remove(renewal)

    # A dead peer

    def _peer_lost(self) -> None:
        """Without an action of its own a tunnel goes on as it is wanted. At once: what was begun is not to go out."""
        action, before = self.config.dpd_action, self.keeper.wanted
        wanted = _AFTER_DEATH[action] if action is not None else before
        if before in (Wanted.DOWN, wanted):
            return
        self.keeper.want(wanted, Wisher.MONITOR)
        if wanted is not Wanted.UP and Wanted.ON_DEMAND in (before, wanted):
            self._stop_turning()
            self._turning = asyncio.create_task(self._turn(wanted), name=f"after the death of a peer of {self.name}")

    async def _turn(self, wanted: Wanted) -> None:
        """Let its traffic in, or no longer, unless a user wants something else by now."""
        async with self._wish:
            if self.keeper.wanted is wanted:
                refusal = await self._stand(always_open=wanted is Wanted.ON_DEMAND)
                if refusal is not None:
                    facts: dict[str, Fact] = {"detail": str(refusal), "fix": refusal.fix}
                    self.report(Event(Code.HOST_REFUSED, self.name, facts=facts))

    def _stop_turning(self) -> None:
        if self._turning is not None:
            self._turning.cancel()
            self._turning = None

    # How the keeper acts

    async def paths(self) -> Sequence[PeerPath]:
        """Ways to all addresses of the peer, its names looked up now. Raises Unreachable."""
        try:
            remotes = await self._remotes()
            await self._find_own(remotes)
            self._know(remotes)
            called = [remote.first for remote in remotes if remote.first == remote.last]
            await self.binding.admit(called)
            paths = await self._paths(called)
            await self.keying.prepare()
            if self.keying.at_once:
                await self.binding.open()
            return paths
        except HostError as error:
            reason = _REASONS.get(error.reason, Reason.NONE)
            remote = ", ".join(map(str, self.config.remotes))
            facts: dict[str, Fact] = {"remote": remote, "detail": str(error), "fix": error.fix}
            if reason is Reason.NONE:
                failure = Failure(Event(Code.HOST_REFUSED, self.name, facts=facts), Cause.HOST)
            else:
                failure = Failure(Event(Code.PHASE1_FAILED, self.name, reason, facts))
            raise Unreachable(failure) from None

    def initiate(self, path: PeerPath, children: tuple[str, ...]) -> None:
        self.keying.begin(path, children)

    def report(self, event: Event) -> None:
        self._world.report(event)

    # Names and addresses

    async def _remotes(self) -> tuple[AddressRange, ...]:
        """The peer's places in the order of the configuration. Raises HostError where names lead nowhere and nothing
        else is left.
        """
        found: list[AddressRange] = []
        missing: HostError | None = None
        for remote in self.config.remotes:
            if isinstance(remote, AddressRange):
                found.append(remote)
                continue
            try:
                addresses = await resolve(remote)
            except HostError as error:
                missing = error
                continue
            self._resolved(remote, addresses)
            found += map(AddressRange.of_address, addresses)
        if missing is not None and not found:
            raise missing
        return tuple(dict.fromkeys(found))

    async def _paths(self, remotes: Sequence[Address]) -> list[PeerPath]:
        """Raises HostError where none of them can be reached now."""
        found, refused, port = [], None, self._world.ports.port
        for remote in remotes:
            try:
                local = (
                    await self._world.host.path_to(remote, await towards(self._world.host, self.config, remote))
                ).local
            except HostError as error:
                refused = refused or error
                continue
            await self._world.ports.ensure(local)
            found.append(PeerPath(Endpoint(local, port), Endpoint(remote, self.config.template.remote_ike_port)))
        if refused is not None and not found:
            raise refused
        return found

    def _resolved(self, name: str, addresses: tuple[Address, ...]) -> None:
        """Say so when it is news."""
        if self._addresses.get(name) != addresses:
            self._addresses[name] = addresses
            facts: dict[str, Fact] = {"name": name, "addresses": tuple(map(str, addresses))}
            self.report(Event(Code.NAME_RESOLVED, self.name, facts=facts))

    async def _find_own(self, remotes: Sequence[AddressRange]) -> None:
        """For the first time; that it is another one shows by a change of the host."""
        if self._own in (None, NOWHERE):
            self._own = await called_at(self._world.host, self.config, remotes)

    def _know(self, remotes: Sequence[AddressRange]) -> None:
        self.remotes = tuple(remotes)
        self.keying.know(remotes, self._own)

    def concerns(self, address: Address) -> bool:
        """Whether a peer of this tunnel may be at an address."""
        return self.config.any_remote or any(remote.contains(address) for remote in self.remotes)

    async def _follow_names(self) -> None:
        """A peer with a name may be at a new address at any time, and call from there."""
        while True:
            try:
                remotes = await self._remotes()
                await self._find_own(remotes)
                self._know(remotes)
            except HostError as error:
                _log.warning("%s: %s", self.name, error)
            else:
                await self.look_again()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._names_now.wait(), NAMES_AGAIN_S)
            self._names_now.clear()

    def look_up(self) -> None:
        """Do not wait any longer to look the peer's names up again."""
        self._names_now.set()


def _keying(config: TunnelConfig, reqids: Sequence[int], world: World) -> Keying:
    if config.manual is None:
        return IkeKeying(config, reqids, world.driver)
    return ManualKeying(config, config.manual, reqids, world.driver, world.sequences, world.natt_port)
