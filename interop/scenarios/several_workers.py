"""A gateway with two workers and a tunnel to each of three peers: spread, independent of each other, whole.

left, left2, left3 192.168.1.2-4 ── box 198.51.100.2 ── core ── 203.0.113.2 right: ikevpn, workers = 2
left, left2, left3 192.0.2.1, .3, .4 ──────────────────────────── 192.0.2.2 right: ikevpn, workers = 2
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from interop.lab.outcome import expect, wait_until
from interop.lab.topology import Topology, routed, star
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage
from interop.traffic import traffic

OCTETS = 5_000_000
KEEPALIVE_S = 2
NAMES = ("one", "two", "three")
_BASE = TunnelParameters(ike_suite="aes256-sha512-g19", esp_suite="aes128gcm16", pfs=True)


def _stands(stage: Stage, topology: Topology, kinds: Sequence[str]) -> tuple[Side, dict[str, Side]]:
    """The gateway on the right, and the clients by the names of their tunnels."""
    ends = dict(zip(NAMES, (topology.left, *topology.clients), strict=True))
    views = {name: between(gateway, topology.right, replace(_BASE, name=name)) for name, gateway in ends.items()}
    right = stage.side("ikevpn", topology.right, *(theirs for _, theirs in views.values()), workers=2)
    clients = {}
    for kind, (name, (ours, _)) in zip(kinds, views.items(), strict=True):
        extra = (("keepalive_s", KEEPALIVE_S),) if kind == "ikevpn" else ()
        clients[name] = stage.side(kind, ends[name], replace(ours, extra=extra))
    stage.stands()
    return right, clients


def _carry(right: Side, clients: dict[str, Side]) -> None:
    """Everything comes up, is spread over both devices, and carries while the others carry too."""
    for name, client in clients.items():
        proof.comes_up(client, right, name)
    assert isinstance(right.peer, Ikevpn)
    devices = {tunnel["name"]: tunnel["device"] for tunnel in right.peer.status()}
    expect(set(devices.values()) == {"ikevpn0", "ikevpn1"}, f"the tunnels are not spread: {devices}")
    others = [traffic.Pings(client.end, right.end) for client in list(clients.values())[1:]]
    proof.carries(clients[NAMES[0]], right, OCTETS)
    for name, pings in zip(NAMES[1:], others, strict=True):
        lost = pings.finish()
        expect(not lost, f"tunnel {name} lost {len(lost)} pings while another one carried: {lost}")
        proof.carries(clients[name], right, OCTETS)


def spread(stage: Stage, kinds: Sequence[str]) -> None:
    """Peers with addresses of their own, ESP as protocol 50 where they can: rekeys and ends hit one tunnel a time."""
    topology = star(stage.site, clients=3)
    right, clients = _stands(stage, topology, kinds)
    _carry(right, clients)
    for name, client in clients.items():
        proof.rekeys_without_loss(client, right, (client, right), name)
    for name, client in clients.items():
        proof.goes_down(client, right, name)
    proof.nothing_in_clear(topology)


def moved(stage: Stage, kinds: Sequence[str]) -> None:
    """Peers behind one box, which gives all of them new ports in mid-life: each worker follows its own."""
    topology = routed(stage.site, left="napt", clients=3)
    right, clients = _stands(stage, topology, kinds)
    _carry(right, clients)
    streams = {name: traffic.Pings(client.end, right.end) for name, client in clients.items()}
    topology.boxes["left"].rewrite_ports()
    for name, pings in streams.items():
        lost = pings.finish()
        late = len(lost) * traffic.PING_INTERVAL_S
        expect(late <= KEEPALIVE_S, f"after its port changed tunnel {name} lost {len(lost)} pings: {lost}")
    for name, client in clients.items():
        traffic.ping(right.end, client.end, warm_up=False)
        proof.rekeys_without_loss(client, right, (right,), name)
    proof.nothing_in_clear(topology)


def crashed(stage: Stage) -> None:
    """A worker that is killed takes its tunnels with it, and no others; they come back, and nothing leaves in clear."""
    topology = star(stage.site, clients=3)
    right, clients = _stands(stage, topology, ("ikevpn",) * 3)
    _carry(right, clients)
    hit = [_kill_oldest_worker(right, clients) for _ in range(2)]
    expect(sorted(map(sorted, hit)) == [["one", "three"], ["two"]], f"the ends of both workers hit {hit}")
    proof.nothing_in_clear(topology)


def _kill_oldest_worker(right: Side, clients: dict[str, Side]) -> set[str]:
    """The names of the tunnels that it cost."""
    before = {name: right.peer.sas(name) for name in clients}
    streams = {name: traffic.Pings(client.end, right.end) for name, client in clients.items()}
    os.kill(_workers(right)[0], signal.SIGKILL)
    wait_until(lambda: any(right.peer.sas(name) != before[name] for name in clients), "the end of a tunnel")
    hit = {name for name in clients if right.peer.sas(name) != before[name]}
    for name in hit:
        clients[name].peer.initiate(name)
    for name, pings in streams.items():
        lost = pings.finish()
        expect(name in hit or not lost, f"tunnel {name} of the other worker lost {len(lost)} pings: {lost}")
    for client in clients.values():
        proof.carries(client, right, OCTETS)
    return hit


def _workers(side: Side) -> list[int]:
    """The processes of the data plane, oldest first."""
    assert isinstance(side.peer, Ikevpn)
    return side.peer.workers


_MIXED = ("strongswan", "ikevpn", "strongswan")
_OURS = ("ikevpn", "ikevpn", "ikevpn")
SCENARIOS = (
    Scenario(
        "ikevpn-two-workers-raw", "two workers, three peers, protocol 50", partial(spread, kinds=_OURS), needs("ikevpn")
    ),
    Scenario(
        "ikevpn-two-workers-strongswan",
        "two workers, three peers, strongSwan among them",
        partial(spread, kinds=_MIXED),
        needs("ikevpn", "strongswan"),
    ),
    Scenario(
        "ikevpn-two-workers-nat",
        "two workers, three peers behind a box that changes their ports",
        partial(moved, kinds=_OURS),
        needs("nat", "ikevpn"),
    ),
    Scenario("ikevpn-two-workers-crash", "of two workers each is killed in turn", crashed, needs("ikevpn")),
)
