"""All tunnels of the daemon by name; they come and go with the configuration. What does not change is not touched."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from ikevpn.config.configuration import Configuration, TunnelConfig
from ikevpn.config.keys.words import Start
from ikevpn.control.unknown import unknown_tunnel
from ikevpn.errors import HostError
from ikevpn.ike.state.effects import StateChange
from ikevpn.model.address import Address
from ikevpn.model.events.event import Code, Event, Fact
from ikevpn.net.plan.steps import Plan
from ikevpn.service.tunnel.spreading import Spreading
from ikevpn.service.tunnel.tunnel import Tunnel, World
from ikevpn.service.tunnel.wishes import Wanted, Wisher

_RELOAD = "what a reload changes"
"""The owner of the blocks that stand until it is at its end."""
_NAMES_AT_ONCE = 32
WANTED = {Start.UP: Wanted.UP, Start.ON_DEMAND: Wanted.ON_DEMAND, Start.LISTEN: Wanted.LISTEN}


class Tunnels:
    """The tunnels by name. `changed` wants all state changes; `gone` hears of one that no reload brings back."""

    def __init__(self, world: World, workers: int = 1, gone: Callable[[str], None] = lambda name: None) -> None:
        self._world = world
        self._gone = gone
        self._spreading = Spreading(workers)
        self._by_name: dict[str, Tunnel] = {}
        self._named: deque[str] = deque()  # tunnels whose peer has a name, the one looked up longest ago first
        self._reqids = count(1)
        self._numbers: dict[tuple[str, str], int] = {}
        self._unfinished: dict[str, Wanted] = {}  # what a reload has begun to change, and how it is to be wanted
        self._barrier: Plan = ()  # blocks of what a reload changes, until it is at its end

    def __iter__(self) -> Iterator[Tunnel]:
        return iter(tuple(self._by_name.values()))

    def get(self, name: str) -> Tunnel:
        """The tunnel of a name. Raises UsageError (reason `tunnel-unknown`)."""
        if name not in self._by_name:
            raise unknown_tunnel(name, self._by_name)
        return self._by_name[name]

    def find(self, name: str) -> Tunnel | None:
        """The tunnel of a name, if there is one."""
        return self._by_name.get(name)

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

    def look_up(self) -> None:
        """Have names of peers looked up now; of very many those whose turn it is."""
        for _ in range(min(len(self._named), _NAMES_AT_ONCE)):
            if (tunnel := self._by_name.get(self._named[0])) is not None:
                tunnel.look_up()
            self._named.rotate(-1)

    async def apply(self, configuration: Configuration, *, start: bool) -> Difference:
        """Make the tunnels those of `configuration`: what did not change is not touched. With `start`, new ones begin
        as they say.
        """
        driver = self._world.driver
        driver.run(lambda now: driver.engine.replace_secrets(configuration.secrets, now))
        named = {name: each.networks for name, each in configuration.tunnels.items() if not each.many_peers}
        driver.run(lambda now: driver.engine.reserve(named, now))
        tunnels = self._spreading.spread(configuration.tunnels)
        difference = compare({tunnel.name: tunnel.config for tunnel in self}, tunnels, self._unfinished)
        await self._bar_going(self._by_name[name] for name in (*difference.removed, *difference.changed))
        for name in difference.removed:
            await self._remove(name)
            self._gone(name)
        for name in difference.changed:
            await self._change(name, tunnels[name], start)
        for name in difference.added:
            wanted = WANTED[tunnels[name].start] if start else Wanted.DOWN
            self._unfinished[name] = wanted
            await self._begin(self._add(tunnels[name]), wanted)
        await self._finish()
        return difference

    async def _bar_going(self, tunnels: Iterable[Tunnel]) -> None:
        """Nothing of these leaves in clear until the reload is at its end, whatever tunnel has its networks then.

        Where a mistake of ours ends it half way, the blocks stay, and the next reload does it over again.
        """
        blocks = (step for tunnel in tunnels for step in tunnel.binding.blocks())
        self._barrier = tuple(dict.fromkeys((*self._barrier, *blocks)))
        if self._barrier:
            await self._try(self._world.bindings.host.apply(_RELOAD, self._barrier))

    async def _finish(self) -> None:
        self._unfinished.clear()
        if self._barrier:
            self._barrier = ()
            await self._try(self._world.bindings.host.undo(_RELOAD))

    async def _change(self, name: str, config: TunnelConfig, start: bool) -> None:
        """The old tunnel goes and the new one comes, wanted as the configuration says (`start`) or as the old one was.

        What is not to start has its block where the old one had.
        """
        old, again = self._by_name[name], name in self._unfinished
        stood, wanted = again or not old.binding.absent, old.keeper.wanted
        put_down = old.keeper.wish_of(Wisher.USER) is Wanted.DOWN
        if wanted is not Wanted.DOWN or (start and not put_down):
            wanted = WANTED[config.start] if start else wanted if config.can_call else Wanted.LISTEN
        wanted = self._unfinished.setdefault(name, wanted)
        await self._remove(name)
        tunnel = self._add(config)
        if put_down:
            tunnel.keeper.want(Wanted.DOWN)
        await self._begin(tunnel, wanted)
        if wanted is Wanted.DOWN and stood:
            await self._try(tunnel.binding.bar(), name)

    async def _remove(self, name: str) -> None:
        """Take a tunnel down and forget it."""
        tunnel = self._by_name.pop(name)
        try:
            await self._try(tunnel.down(), name)
        except BaseException:
            self._by_name[name] = tunnel  # it is not down: the next reload finds it, and the end of the daemon
            raise
        if name in self._named:
            self._named.remove(name)
        self._world.bindings.forget(name)

    def _add(self, config: TunnelConfig) -> Tunnel:
        children = config.template.children
        one_for_all = config.manual is not None  # their SAs are one pair
        numbers = [self._number(config.name, "" if one_for_all else child.name) for child in children]
        tunnel = Tunnel(config, self._world, numbers)
        self._by_name[config.name] = tunnel
        if config.remote_names:
            self._named.append(config.name)
        return tunnel

    def _number(self, tunnel: str, child: str) -> int:
        """A child keeps its reqid over reloads."""
        if (tunnel, child) not in self._numbers:
            self._numbers[tunnel, child] = next(self._reqids)
        return self._numbers[tunnel, child]

    async def _begin(self, tunnel: Tunnel, wanted: Wanted) -> None:
        if wanted is not Wanted.DOWN:
            await self._try(tunnel.want(wanted), tunnel.name)

    async def _try(self, act: Awaitable[None], tunnel: str = "") -> None:
        """What the host refuses to one is said, and does not keep the others from what they want."""
        try:
            await act
        except HostError as error:
            self._world.report(Event(Code.HOST_REFUSED, tunnel, facts={"detail": str(error), "fix": error.fix}))

    def changed(self, change: StateChange) -> None:
        """The state of a tunnel has changed: tell it."""
        tunnel = self._by_name.get(change.tunnel)
        if tunnel is not None:
            tunnel.changed(change)


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
