"""All tunnels of the daemon by name; they come and go with the configuration. What does not change is not touched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from ikevpn.config.configuration import Configuration, TunnelConfig
from ikevpn.config.words import Start
from ikevpn.errors import HostError
from ikevpn.model.address import Address
from ikevpn.model.events import Code, Event, Fact
from ikevpn.service.keeper import Wanted
from ikevpn.service.spreading import Spreading
from ikevpn.service.tunnel import Tunnel, World
from ikevpn.service.unknown import unknown_tunnel

WANTED = {Start.UP: Wanted.UP, Start.ON_DEMAND: Wanted.ON_DEMAND, Start.LISTEN: Wanted.LISTEN}


class Tunnels:
    """The tunnels by name. `heard` wants every event; `gone` hears the name of a tunnel that no reload brings back."""

    def __init__(self, world: World, workers: int = 1, gone: Callable[[str], None] = lambda name: None) -> None:
        self._world = world
        self._gone = gone
        self._spreading = Spreading(workers)
        self._by_name: dict[str, Tunnel] = {}
        self._reqids = count(1)
        self._numbers: dict[tuple[str, str], int] = {}
        self._unfinished: dict[str, bool] = {}  # what a reload has begun to change, and whether it is to start

    def __iter__(self) -> Iterator[Tunnel]:
        return iter(tuple(self._by_name.values()))

    def get(self, name: str) -> Tunnel:
        """The tunnel of a name. Raises UsageError (reason `tunnel-unknown`)."""
        if name not in self._by_name:
            raise unknown_tunnel(name, self._by_name)
        return self._by_name[name]

    @property
    def idle(self) -> bool:
        """Whether nothing is wanted of any tunnel."""
        return all(tunnel.keeper.wanted is Wanted.DOWN for tunnel in self)

    def secret_facts(self, name: str) -> dict[str, Fact]:
        """Where the secret of a tunnel is kept; never the secret."""
        tunnel = self._by_name.get(name)
        return tunnel.secret_facts if tunnel is not None else {}

    def concerns(self, name: str, address: Address) -> bool:
        """Whether a peer of the tunnel of this name, as it is configured now, may be at an address."""
        tunnel = self._by_name.get(name)
        return tunnel is not None and tunnel.concerns(address)

    async def apply(self, configuration: Configuration, *, start: bool) -> Difference:
        """Make the tunnels those of `configuration`: what did not change is not touched. With `start`, new ones begin
        as they say.
        """
        driver = self._world.driver
        driver.run(lambda now: driver.engine.replace_secrets(configuration.secrets, now))
        tunnels = self._spreading.spread(configuration.tunnels)
        difference = compare({tunnel.name: tunnel.config for tunnel in self}, tunnels, self._unfinished)
        for name in difference.removed:
            await self._unblock(name, await self._remove(name))
            self._gone(name)
        for name in difference.changed:
            await self._change(name, tunnels[name], start)
        for name in difference.added:
            self._unfinished[name] = start
            tunnel = self._add(tunnels[name])
            if start:
                await self._begin(tunnel)
            await self._unblock(name, tunnel)
        return difference

    async def _change(self, name: str, config: TunnelConfig, start: bool) -> None:
        """The old tunnel goes and the new one comes; nothing leaves in clear in between, nor afterwards where the old
        one stood and the new one is not to start.

        Where a mistake of ours ends this half way, the block stays, and the next reload does it over again.
        """
        old, again = self._by_name[name], name in self._unfinished
        stood = again or not old.binding.absent
        begin = self._unfinished.get(name, start and old.keeper.wanted is not Wanted.DOWN)
        self._unfinished[name] = begin
        if not old.binding.absent:
            try:
                await self._world.bindings.host.apply(_while_it_changes(name), old.binding.blocks())
            except HostError as error:
                self._refused(old, error)
        await self._remove(name)
        tunnel = self._add(config)
        if begin:
            await self._begin(tunnel)
        elif stood:
            await self._bar(tunnel)
        await self._unblock(name, tunnel)

    async def _unblock(self, name: str, tunnel: Tunnel) -> None:
        self._unfinished.pop(name, None)
        try:
            await self._world.bindings.host.undo(_while_it_changes(name))
        except HostError as error:
            self._refused(tunnel, error)

    async def _remove(self, name: str) -> Tunnel:
        """Take a tunnel down and forget it."""
        tunnel = self._by_name.pop(name)
        try:
            await tunnel.down()
        except HostError as error:
            self._refused(tunnel, error)
        except BaseException:
            self._by_name[name] = tunnel  # it is not down: the next reload finds it, and the end of the daemon
            raise
        self._world.bindings.forget(name)
        return tunnel

    def _add(self, config: TunnelConfig) -> Tunnel:
        children = config.template.children
        one_for_all = config.manual is not None  # their SAs are one pair
        numbers = [self._number(config.name, "" if one_for_all else child.name) for child in children]
        tunnel = Tunnel(config, self._world, numbers)
        self._by_name[config.name] = tunnel
        return tunnel

    def _number(self, tunnel: str, child: str) -> int:
        """A child keeps its reqid over reloads."""
        if (tunnel, child) not in self._numbers:
            self._numbers[tunnel, child] = next(self._reqids)
        return self._numbers[tunnel, child]

    async def _begin(self, tunnel: Tunnel) -> None:
        """One tunnel that the host refuses does not keep the others from starting."""
        try:
            await tunnel.want(WANTED[tunnel.config.start])
        except HostError as error:
            self._refused(tunnel, error)

    async def _bar(self, tunnel: Tunnel) -> None:
        try:
            await tunnel.binding.bar()
        except HostError as error:
            self._refused(tunnel, error)

    def _refused(self, tunnel: Tunnel, error: HostError) -> None:
        self._world.report(Event(Code.HOST_REFUSED, tunnel.name, facts={"detail": str(error), "fix": error.fix}))

    def heard(self, event: Event) -> None:
        """Tell the tunnel that an event is about."""
        tunnel = self._by_name.get(event.tunnel)
        if tunnel is not None:
            tunnel.heard(event)


def _while_it_changes(name: str) -> str:
    """The owner of the block that stands between the old tunnel and the new one."""
    return f"{name} while it changes"


@dataclass(frozen=True, slots=True)
class Difference:
    """Names of tunnels by what a reload does with them."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


def compare(
    old: Mapping[str, TunnelConfig], new: Mapping[str, TunnelConfig], unfinished: Collection[str] = ()
) -> Difference:
    """What is different between two sets of tunnels; of the `unfinished` ones all that is there still."""
    both = [name for name in new if name in old]
    changed = tuple(name for name in both if old[name] != new[name] or name in unfinished)
    return Difference(
        added=tuple(name for name in new if name not in old),
        changed=changed,
        removed=tuple(name for name in old if name not in new),
        unchanged=tuple(name for name in both if name not in changed),
    )
