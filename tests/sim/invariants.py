"""What must hold whatever the network did: usable pairs or a reason, no loss in fair weather, no leaks, no storms."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any

from ikevpn.model.events.event import Reason
from ikevpn.model.sa import Direction
from tests.sim.choices import EXPECTED
from tests.sim.keeper import Start

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.plane import Installed
    from tests.sim.scenario import Flow
    from tests.sim.world import World

SUPERSEDED_S = 200.0  # how long an SA may stay after its successor came
_SAS_PER_CHILD = 6  # two pairs while one replaces the other, three while both ends renew at once
_IKE_SAS_PER_PEER = 3
_MOST_EVER_PER_CHILD = 40  # chaos included
_PASSING = frozenset({Reason.PEER_DELETED, Reason.EXPIRED, Reason.REPLACED})  # phase 1 was renewed under a quick mode
_REMNANTS = 64  # what an idle engine may remember of dead SAs, to recognise late datagrams


def before_quiet(world: World) -> None:
    """Remember the counters that `after_quiet` compares."""
    world.quiet_began = world.clock.now
    world.quiet_datagrams = world.network.ike_datagrams
    world.quiet_events = sum(sum(host.events.values()) for host in world.hosts.values())


def during_quiet(world: World) -> None:
    """Called now and then while nothing is wrong."""
    for host in world.hosts.values():
        for installed, age_s in superseded(host):
            if age_s > SUPERSEDED_S:
                world.complain(
                    f"{host.name}: {installed.sa.direction} {installed.sa.spi:08x} was superseded {age_s:.0f} s ago"
                )


def after_quiet(world: World) -> None:
    """Everything that must hold once the network was well for long enough."""
    if world.scenario.mismatch is None:
        _nothing_lost(world)
    else:
        _failed_with_a_reason(world)
    for host in world.hosts.values():
        _bounded(world, host)
        _of_one_mind(world, host)
    _no_storm(world)


def after_goodbye(world: World) -> None:
    """Both sides were shut down a while ago: nothing may be left."""
    for host in world.hosts.values():
        status = host.status()
        left = {
            "SAs": [f"{way} {spi:08x}" for way, spi in host.plane.sas],
            "keepalives": [f"{local}-{remote}" for local, remote in host.plane.keepalives],
            "IKE SAs": list(status.ike_sas),
            "children": list(status.children),
        }
        for what, things in left.items():
            if things:
                world.complain(f"{host.name}: {what} left after shutdown: {', '.join(map(str, things))[:300]}")
        if host.engine.next_timer() is not None:
            world.complain(f"{host.name}: a timer is left after shutdown")
        _no_remnants(world, host)


def superseded(host: Host) -> list[tuple[Installed, float]]:
    """SAs that have a younger one for the same traffic and direction, and since when."""
    groups: dict[object, list[Installed]] = defaultdict(list)
    for (direction, _), installed in host.plane.sas.items():
        groups[direction, installed.sa.selectors, bool(installed.sa.wraps)].append(installed)
    found = []
    for group in groups.values():
        group.sort(key=lambda installed: installed.order)
        newer = group[1:]
        found += [(old, host.now - young.since) for old, young in zip(group, newer, strict=False)]
    return found


def _nothing_lost(world: World) -> None:
    """Each packet that a user sent in fair weather came out at the other end."""
    lost: dict[tuple[Flow, str], list[int]] = defaultdict(list)
    for number, (when, flow, sender) in world.sent.items():
        if when >= world.quiet_began and number not in world.arrived:
            lost[flow, sender].append(number)
    for (flow, sender), numbers in lost.items():
        there = flow.second if sender == flow.first else flow.first
        world.complain(
            f"{len(numbers)} packets from {sender} to {there} ({flow.source}-{flow.target}) were lost in fair weather: "
            f"{numbers[:8]}; {_why(world, flow, sender)}"
        )


def _why(world: World, flow: Flow, sender: str) -> str:
    here, there = world.hosts[sender], world.hosts[flow.second if sender == flow.first else flow.first]
    source, target = (flow.source, flow.target) if sender == flow.first else (flow.target, flow.source)
    outbound = here.plane.outbound(source, target)
    if outbound is None:
        return f"{sender} has no outbound SA"
    if (Direction.IN, outbound.sa.spi) not in there.plane.sas:
        return f"{there.name} has no inbound SA {outbound.sa.spi:08x}"
    return "both ends have the SA now"


def _failed_with_a_reason(world: World) -> None:
    """A configuration that cannot work brings no SA, and the one that wants the tunnel hears why."""
    assert world.scenario.mismatch is not None
    if any(number in world.arrived for number in world.sent):
        world.complain(f"traffic passed in spite of {world.scenario.mismatch}")
    keepers = [k for host in world.hosts.values() for k in host.keepers.values() if k.start is not Start.LISTEN]
    for keeper in keepers:
        reasons = {reason for when, _, reason in keeper.failures if when >= world.quiet_began}
        expected = EXPECTED[world.scenario.mismatch]
        if not reasons & expected or reasons - expected - _PASSING:
            said = ", ".join(sorted(reasons)) or "nothing"
            world.complain(f"{keeper.tunnel.name}: {world.scenario.mismatch} was reported as {said}")


def _bounded(world: World, host: Host) -> None:
    """Nothing piles up."""
    flows = [flow for flow in world.scenario.flows if host.name in (flow.first, flow.second)]
    peers = {flow.first if flow.second == host.name else flow.second for flow in flows}
    bare = len(host.plane.bare())
    if bare > _SAS_PER_CHILD * len(flows):
        world.complain(f"{host.name}: {bare} SAs for {len(flows)} children")
    if host.plane.most > _MOST_EVER_PER_CHILD * len(flows):
        world.complain(f"{host.name}: there were {host.plane.most} SAs at one time")
    sas = [sa for sa in host.status().ike_sas if sa.state == "established"]
    if len(sas) > _IKE_SAS_PER_PEER * len(peers):
        world.complain(f"{host.name}: {len(sas)} IKE SAs for {len(peers)} peers")


def _of_one_mind(world: World, host: Host) -> None:
    """The engine believes in exactly those SAs that the data plane has."""
    children = host.status().children
    believed = {(Direction.IN, spi) for child in children for spi in (child.spi_in, child.ah_spi_in) if spi}
    sending = (child for child in children if child.outbound)
    believed |= {(Direction.OUT, spi) for child in sending for spi in (child.spi_out, child.ah_spi_out) if spi}
    for way, spi in believed ^ set(host.plane.sas):
        where = "the engine" if (way, spi) in believed else "the data plane"
        world.complain(f"{host.name}: only {where} knows of {way} {spi:08x}")


def _no_storm(world: World) -> None:
    """Datagrams and events of a quiet time are what renewals and probes need, and some."""
    hours = (world.clock.now - world.quiet_began) / 3600
    allowed = 0.0
    for host in world.hosts.values():
        for plan in host.plan.tunnels:
            tunnel, peers = plan.tunnel, max(1, len(world.scenario.flows) // len(plan.tunnel.children))
            volume_s = tunnel.ipsec_lifetime.kilobytes * 2.0 if tunnel.ipsec_lifetime.kilobytes else 1e9
            renewals = 3600 / (min(tunnel.ipsec_lifetime.seconds, volume_s) * 0.5)
            allowed += peers * len(tunnel.children) * 8 * renewals
            allowed += peers * 30 * 3600 / (tunnel.ike_lifetime.seconds * 0.5)
            allowed += peers * 4 * 3600 / tunnel.dpd_interval_s if tunnel.dpd_interval_s else 0
            allowed += 200 * 60 if world.scenario.mismatch else 0
    allowed = 2 * allowed * hours + 60
    datagrams = world.network.ike_datagrams - world.quiet_datagrams
    events = sum(sum(host.events.values()) for host in world.hosts.values()) - world.quiet_events
    if datagrams > allowed:
        world.complain(f"{datagrams} datagrams in {hours:.2f} quiet hours, more than {allowed:.0f}")
    if events > 4 * allowed + 200:
        world.complain(f"{events} events in {hours:.2f} quiet hours")


def _no_remnants(world: World, host: Host) -> None:
    """The engine's own tables are as small as those of a fresh one, but for a few memories."""
    fresh = world.make_engine(lambda n: bytes(n))
    for plan in host.plan.tunnels:
        fresh.add_tunnel(plan.tunnel)
    before, after = entries(fresh), entries(host.engine)
    for name in sorted(after):
        if after[name] > before.get(name, 0) + _REMNANTS:
            world.complain(f"{host.name}: the engine still holds {after[name]} entries in {name}")


def entries(thing: Any) -> dict[str, int]:
    """How many entries all containers below each attribute of an object hold together."""
    return {name: _entries(value, set()) for name, value in _attributes(thing).items()}


def _entries(value: Any, seen: set[int]) -> int:
    if id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
        return 0
    seen.add(id(value))
    if isinstance(value, Counter):
        return 0
    if isinstance(value, dict):
        return len(value) + sum(_entries(item, seen) for item in value.values())
    if isinstance(value, list | set | tuple | frozenset | deque):
        return len(value) + sum(_entries(item, seen) for item in value)
    if type(value).__module__.startswith("ikevpn.ike"):
        return sum(_entries(item, seen) for item in _attributes(value).values())
    return 0


def _attributes(thing: Any) -> dict[str, Any]:
    names = [*getattr(thing, "__dict__", {})]
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return {name: getattr(thing, name) for name in names if hasattr(thing, name)}
