"""What a seed means: hosts, tunnels, NAT boxes, weather, commands, and what must come of it. Nothing happens here."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address

from ikevpn.model.address import Address, AddressRange, Endpoint
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import Lifetime
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, NatTraversal, Phase1Mode, ProposalOrder, Tunnel
from tests.sim import bundles, choices
from tests.sim.choices import Mismatch
from tests.sim.host import IKE_PORT, HostPlan, TunnelPlan
from tests.sim.keeper import Start, retransmission_s
from tests.sim.nat import NatKind
from tests.sim.network import Weather


class Verb(StrEnum):
    """What people, networks and attackers do while the simulation runs."""

    INITIATE = "initiate"
    TERMINATE = "terminate"
    REKEY = "rekey"
    PROBE = "probe"
    CRASH = "crash"
    SLEEP = "sleep"
    BLACKOUT = "blackout"
    REBIND = "rebind"
    FORGE = "forge"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class Command:
    """`host` and `tunnel` by name; `child` None means all of it, or phase 1; `seconds` where a verb lasts."""

    at_s: float
    verb: Verb
    host: str = ""
    tunnel: str = ""
    child: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class NatPlan:
    name: str
    kind: NatKind
    public: Address
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic that must pass in both directions once the network is well. The first host's side is `source`."""

    first: str
    second: str
    source: Address
    target: Address


@dataclass(frozen=True, slots=True)
class Scenario:
    """Phases: chaos until `chaos_s`, then `heal_s` of fair weather, then `quiet_s` in which nothing may be lost."""

    seed: int
    title: str
    hosts: tuple[HostPlan, ...]
    nats: tuple[NatPlan, ...]
    weather: Weather
    commands: tuple[Command, ...]
    flows: tuple[Flow, ...]
    chaos_s: float
    heal_s: float
    quiet_s: float
    attacked: bool
    mismatch: Mismatch | None


@dataclass(frozen=True, slots=True)
class _Side:
    """One end of a pair while it is drawn."""

    address: Address
    outside: Address
    nat: str | None
    identity: Identity | None


def draw(seed: int) -> Scenario:
    """The scenario of a seed; the same for ever, as long as this file stays the same."""
    rng = random.Random(seed)
    return bundles.nest(_hub(seed, rng) if rng.random() < 0.15 else _pair(seed, rng))


def _pair(seed: int, rng: random.Random) -> Scenario:
    """Two gateways with a tunnel to each other."""
    v6 = rng.random() < 0.15
    nat_a = None if v6 else rng.choice((None, None, None, *NatKind))
    nat_b = NatKind.ONE_TO_ONE if not v6 and rng.random() < 0.15 else None
    nats = _nats(rng, nat_a, nat_b)
    named = bool(nats) or rng.random() < 0.4
    side_a = _Side(*_addresses(0, v6, nat_a), nat_a and "nat-a", choices.identity(rng, "a") if named else None)
    side_b = _Side(*_addresses(1, v6, nat_b), nat_b and "nat-b", choices.identity(rng, "b") if named else None)
    common = _common(rng, behind_nat=bool(nats))
    mismatch = rng.choice(tuple(Mismatch)) if rng.random() < 0.12 else None
    children = choices.children(rng, mismatch)
    one_way = nat_a in (NatKind.PORTS, NatKind.PORTS_KEPT) or mismatch is not None
    tunnel_a = _end(rng, common, side_a, side_b, "ab", choices.local_side(children))
    tunnel_b = _end(rng, common, side_b, side_a, "ba", choices.remote_side(children))
    if one_way and rng.random() < 0.5:
        tunnel_b = _dialled(tunnel_b)
    if mismatch is not None:
        tunnel_b = choices.spoil(mismatch, tunnel_b, rng)
    start_a, start_b = _starts(rng, one_way)
    plans = (
        _host(rng, "a", side_a, TunnelPlan(tunnel_a, Endpoint(side_b.outside, IKE_PORT), start_a)),
        _host(rng, "b", side_b, TunnelPlan(tunnel_b, None if one_way else Endpoint(side_a.outside, IKE_PORT), start_b)),
    )
    flows = tuple(Flow("a", "b", c.selector.local.first + 5, c.selector.remote.first + 5) for c in tunnel_a.children)
    return _scenario(seed, rng, f"{common.mode} {nat_a or 'no nat'}/{nat_b or 'no nat'}", plans, nats, flows, mismatch)


def _hub(seed: int, rng: random.Random) -> Scenario:
    """A concentrator that lets anybody in, and clients, some behind the same NAT box."""
    count = rng.randrange(2, 4)
    common = _common(rng, behind_nat=True)
    nats = _nats(rng, rng.choice((NatKind.PORTS, NatKind.PORTS_KEPT)), None)
    hub = _Side(*_addresses(1, False, None), None, choices.identity(rng, "hub"))
    inside = AddressRange.of("10.1.0.0/24")
    plans, flows = [], []
    for number in range(count):
        behind = "nat-a" if rng.random() < 0.7 else None
        private, public = ip_address(f"10.99.0.{10 + number}"), ip_address(f"192.0.2.{10 + number}")
        client = _Side(private if behind else public, public, behind, choices.identity(rng, f"c{number}"))
        network = AddressRange.of(f"10.2.{number}.0/24")
        tunnel = _end(rng, common, client, hub, f"c{number}", (Child("all", 1, Selector(network, inside)),))
        start = rng.choice((Start.UP, Start.UP, Start.ON_DEMAND))
        plans.append(_host(rng, f"c{number}", client, TunnelPlan(tunnel, Endpoint(hub.outside, IKE_PORT), start)))
        flows.append(Flow(f"c{number}", "hub", network.first + 5, inside.first + 5))
    pool = (Child("pool", 1, Selector(inside, AddressRange.of("10.2.0.0/16"))),)
    dialled = _dialled(_end(rng, common, hub, hub, "dialup", pool))
    plans.insert(0, _host(rng, "hub", hub, TunnelPlan(replace(dialled, remote_id=None), None, Start.LISTEN)))
    return _scenario(seed, rng, f"hub with {count} clients, {common.mode}", tuple(plans), nats, tuple(flows), None)


def _scenario(
    seed: int,
    rng: random.Random,
    title: str,
    plans: tuple[HostPlan, ...],
    nats: tuple[NatPlan, ...],
    flows: tuple[Flow, ...],
    mismatch: Mismatch | None,
) -> Scenario:
    """Everything around the hosts: weather, phases, commands."""
    loss = rng.choice((0.0, 0.0, 0.05, 0.1, 0.2, 0.4))
    tunnels = [plan.tunnel for host in plans for plan in host.tunnels]
    weather = Weather(
        loss=loss,
        duplicate=rng.choice((0.0, 0.05, 0.3)),
        delay_s=rng.choice((0.001, 0.02, 0.15)),
        jitter_s=rng.choice((0.0, 0.05, 0.5)),
        mtu=min((t.fragment_size for t in tunnels if t.fragment_size), default=1440) + 60,
    )
    chaos_s = rng.choice((5.0, 30.0, 60.0, 120.0, 300.0)) if rng.random() < 0.985 else rng.uniform(1, 8) * 3600
    commands = _commands(rng, plans, nats, chaos_s)
    quiet_s = 1.2 * max(t.ipsec_lifetime.seconds for t in tunnels)
    attacked = rng.random() < 0.25
    probed = all(t.dpd_interval_s for t in tunnels)
    heal_s = 150.0 if mismatch and probed else _heal_s(tunnels)
    return Scenario(seed, title, plans, nats, weather, commands, flows, chaos_s, heal_s, quiet_s, attacked, mismatch)


def _heal_s(tunnels: list[Tunnel]) -> float:
    """How long two hosts may need to notice all that is broken: by DPD, or where nobody probes by the lifetimes."""
    repeat_s = max(retransmission_s(t) for t in tunnels)
    if all(t.dpd_interval_s for t in tunnels):
        return 2 * max(t.dpd_interval_s for t in tunnels) + 4 * repeat_s + 60
    shorter_s = min(t.ike_lifetime.seconds for t in tunnels)
    return 1.1 * (shorter_s + max(t.ipsec_lifetime.seconds for t in tunnels)) + 4 * repeat_s + 60


def _common(rng: random.Random, behind_nat: bool) -> Tunnel:
    """What both ends of a tunnel have in common; names, addresses and children come later."""
    mode = Phase1Mode.AGGRESSIVE if rng.random() < 0.35 else Phase1Mode.MAIN
    ike, ipsec = choices.ike_proposal(rng), choices.ipsec_proposal(rng)
    natt = NatTraversal.FORCE if rng.random() < 0.1 else NatTraversal.AUTO
    if not behind_nat and rng.random() < 0.2:
        natt = NatTraversal.OFF
    return Tunnel(
        name="",
        ike_proposals=(ike,),
        ipsec_proposals=(ipsec,),
        children=(),
        mode=mode,
        answer_aggressive=True,
        psk=Secret(rng.randbytes(rng.choice((1, 8, 32, 65)))),
        nat_traversal=natt,
        dpd_interval_s=0 if rng.random() < 0.06 else rng.choice((5, 10, 30, 30)),
        fragment_size=rng.choice((0, 1280, 576, 330 if mode is Phase1Mode.MAIN else 540)),
        natt_drafts=choices.drafts(rng),
    )


def _end(
    rng: random.Random, common: Tunnel, ours: _Side, theirs: _Side, name: str, children: tuple[Child, ...]
) -> Tunnel:
    """One end of a tunnel: where the ends may differ without harm, they do."""
    probes = common.dpd_interval_s and rng.random() < 0.95
    lifetimes = (300, 600, 600, 1800, 3600) if probes else (300, 600)  # without probing these tell that a peer is gone
    return replace(
        common,
        name=name,
        children=children,
        local=ours.address if rng.random() < 0.5 else None,
        remotes=(AddressRange.of_address(theirs.outside),),
        local_id=ours.identity,
        remote_id=theirs.identity,
        ike_proposals=choices.with_others(rng, common.ike_proposals[0], common.mode),
        ipsec_proposals=choices.with_other_ipsec(rng, common.ipsec_proposals[0]),
        ike_lifetime=Lifetime(seconds=rng.choice(lifetimes)),
        ipsec_lifetime=Lifetime(rng.choice((120, 120, 180, 180, 240, 600)), rng.choice((0, 0, 0, 20, 64))),
        rekey_margin=rng.choice((0.1, 0.2, 0.3)),
        proposal_order=rng.choice(tuple(ProposalOrder)),
        dpd_interval_s=common.dpd_interval_s if probes else 0,
        retransmit_s=rng.choice((0.5, 1, 2)),
        retransmit_factor=rng.choice((1.5, 1.8)),
        retransmit_tries=rng.choice((3, 4, 5)),
        initial_contact=rng.random() < 0.9,
        keepalive_s=rng.choice((10, 20)),
    )


def _dialled(tunnel: Tunnel) -> Tunnel:
    """The same tunnel for a peer whose address nobody knows."""
    return replace(tunnel, remotes=())


def _addresses(number: int, v6: bool, nat: NatKind | None) -> tuple[Address, Address]:
    """A host's own address and the one by which others reach it."""
    if v6:
        own: Address = ip_address(f"2001:db8:{number + 1}::1")
        return own, own
    outside = ip_address(("192.0.2.1", "198.51.100.1")[number])
    return (ip_address(f"10.{99 - number}.0.2"), outside) if nat else (outside, outside)


def _nats(rng: random.Random, nat_a: NatKind | None, nat_b: NatKind | None) -> tuple[NatPlan, ...]:
    timeout_s = rng.choice((30.0, 60.0, 300.0))
    publics = (("nat-a", nat_a, "192.0.2.1"), ("nat-b", nat_b, "198.51.100.1"))
    return tuple(NatPlan(name, kind, ip_address(public), timeout_s) for name, kind, public in publics if kind)


def _host(rng: random.Random, name: str, side: _Side, *plans: TunnelPlan) -> HostPlan:
    lateness_s = rng.choice((0.0, 0.01, 0.1, 2.0))
    return HostPlan(name, side.address, plans, side.nat, lateness_s, rng.choice((0.0, 12345.678, 1e6)))


def _starts(rng: random.Random, one_way: bool) -> tuple[Start, Start]:
    """Who keeps the tunnel up; at least one does."""
    if one_way:
        return rng.choice((Start.UP, Start.UP, Start.ON_DEMAND)), Start.LISTEN
    return rng.choice(
        (
            (Start.UP, Start.LISTEN),
            (Start.LISTEN, Start.UP),
            (Start.UP, Start.UP),
            (Start.UP, Start.ON_DEMAND),
            (Start.ON_DEMAND, Start.ON_DEMAND),
            (Start.ON_DEMAND, Start.LISTEN),
        )
    )


_VERBS = (
    *(Verb.INITIATE,) * 2,
    *(Verb.TERMINATE,) * 3,
    *(Verb.REKEY,) * 5,
    Verb.PROBE,
    *(Verb.CRASH,) * 2,
    Verb.SLEEP,
    Verb.BLACKOUT,
    Verb.REBIND,
    *(Verb.FORGE,) * 2,
    Verb.BURST,
)


def _commands(
    rng: random.Random, plans: tuple[HostPlan, ...], nats: tuple[NatPlan, ...], chaos_s: float
) -> tuple[Command, ...]:
    """What happens while the weather is bad; some things at the same moment at both ends."""
    commands = []
    verbs = (*_VERBS, *(Verb.REBIND,) * 6) if nats else _VERBS
    for _ in range(rng.choice((0, 1, 2, 3, 5, 8))):
        at_s, verb = rng.uniform(0, chaos_s), rng.choice(verbs)
        host = rng.choice(plans)
        tunnel = rng.choice(host.tunnels).tunnel
        child = rng.choice((None, *(c.name for c in tunnel.children)))
        name = rng.choice(nats).name if verb is Verb.REBIND and nats else host.name
        seconds = rng.choice((0.5, 3.0, 20.0, 90.0))
        commands.append(Command(at_s, verb, name, tunnel.name, child, seconds))
        if verb in (Verb.REKEY, Verb.TERMINATE, Verb.INITIATE) and rng.random() < 0.5:
            other = rng.choice(plans)
            again = rng.choice(other.tunnels).tunnel
            if child is None or child in [c.name for c in again.children]:
                near_s = at_s + rng.choice((0.0, 0.001, 0.02, 0.3))
                commands.append(Command(near_s, verb, other.name, again.name, child, seconds))
    return tuple(sorted(commands, key=lambda command: command.at_s))
