"""Tunnels through NAT: every box of `interop.lab.nat`, one that changes its mind, and two clients behind one.

    left 192.168.1.2 ── [box] 198.51.100.2 ── core ── 203.0.113.2 [box] ── 192.168.2.2 right
    left2 192.168.1.3 ──┘

Left always initiates, being the one that nobody can call. Without a box a gateway has the public address itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from interop.lab.nat import Kind
from interop.lab.outcome import expect
from interop.lab.topology import routed
from interop.peers.tunnel import Mode, TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Stage
from interop.traffic import traffic

OCTETS = 5_000_000
KEEPALIVE_S = 2
_BOXES: dict[str, tuple[Kind | None, Kind | None]] = {
    "none": (None, None),
    "napt-initiator": ("napt", None),
    "port-preserving-initiator": ("port-preserving", None),
    "one-to-one-responder": (None, "one-to-one"),
    "both": ("napt", "one-to-one"),
    "both-many-to-one": ("napt", "forwarding"),
}
_PAIRINGS = (
    ("ikevpn", "strongswan"),
    ("strongswan", "ikevpn"),
    ("ikevpn", "ikevpn"),
    ("strongswan", "strongswan"),
)


def through(stage: Stage, boxes: tuple[Kind | None, Kind | None], ours: str, theirs: str, mode: Mode) -> None:
    """The whole life of a tunnel through these boxes."""
    topology = routed(stage.site, left=boxes[0], right=boxes[1])
    left_view, right_view = between(topology.left, topology.right, TunnelParameters(mode=mode))
    responder = stage.side(theirs, topology.right, right_view)
    initiator = stage.side(ours, topology.left, left_view)
    stage.stands()
    proof.comes_up(initiator, responder)
    if boxes != (None, None):
        proof.encapsulation_is(initiator, udp=True)
    proof.carries(initiator, responder, OCTETS)
    proof.rekeys_without_loss(initiator, responder, (initiator, responder))
    proof.goes_down(initiator, responder)
    proof.nothing_in_clear(topology)


def port_rewritten(stage: Stage, ours: str, theirs: str) -> None:
    """The box gives the tunnel another outside port; the responder follows it after the next authenticated packet."""
    topology = routed(stage.site, left="napt")
    left_view, right_view = between(topology.left, topology.right)
    left_view = replace(left_view, extra=(("keepalive_s", KEEPALIVE_S),))
    responder = stage.side(theirs, topology.right, right_view)
    initiator = stage.side(ours, topology.left, left_view)
    stage.stands()
    proof.comes_up(initiator, responder)
    traffic.ping(initiator.end, responder.end)
    pings = traffic.Pings(initiator.end, responder.end)
    topology.boxes["left"].rewrite_ports()
    lost = pings.finish()
    expect(
        len(lost) * traffic.PING_INTERVAL_S <= KEEPALIVE_S,
        f"after the port changed {len(lost)} pings were lost: {lost}",
    )
    traffic.ping(responder.end, initiator.end, warm_up=False)
    proof.rekeys_without_loss(initiator, responder, (initiator, responder))
    proof.goes_down(initiator, responder)
    proof.nothing_in_clear(topology)


def two_clients(stage: Stage, ours: str, theirs: str) -> None:
    """Two clients behind one many-to-one box have a tunnel each to the same gateway, and end them one by one."""
    topology = routed(stage.site, left="napt", clients=2)
    (other,) = topology.clients
    left_view, right_view = between(topology.left, topology.right)
    other_view, other_right_view = between(other, topology.right)
    names = {"one": right_view, "two": other_right_view}
    responder = stage.side(theirs, topology.right, *(replace(view, name=name) for name, view in names.items()))
    clients = {
        "one": stage.side(ours, topology.left, replace(left_view, name="one")),
        "two": stage.side(ours, other, replace(other_view, name="two")),
    }
    stage.stands()
    for name, client in clients.items():
        proof.comes_up(client, responder, name)
    for client in clients.values():
        proof.carries(client, responder, OCTETS)
    proof.goes_down(clients["one"], responder, "one")
    proof.carries(clients["two"], responder, OCTETS)
    proof.rekeys_without_loss(clients["two"], responder, (clients["two"], responder), "two")
    proof.goes_down(clients["two"], responder, "two")
    proof.nothing_in_clear(topology)


def _name(what: str, ours: str, theirs: str) -> str:
    return f"{'lab-' if 'ikevpn' not in (ours, theirs) else ''}nat-{what}-{ours}-{theirs}"


def _through(what: str, ours: str, theirs: str, mode: Mode) -> Scenario:
    name = _name(what, ours, theirs) + ("-aggressive" if mode == "aggressive" else "")
    play = partial(through, boxes=_BOXES[what], ours=ours, theirs=theirs, mode=mode)
    words = "no NAT on the way" if what == "none" else f"NAT: {what.replace('-', ' ')}"
    return Scenario(name, f"{words}; {ours} calls {theirs}, {mode} mode", play, needs("nat", ours, theirs))


SCENARIOS = (
    *(_through(what, *pairing, "main") for what in _BOXES for pairing in _PAIRINGS),
    *(_through("both", *pairing, "aggressive") for pairing in _PAIRINGS),
    *(
        Scenario(
            _name("port-rewritten", ours, theirs),
            f"the box changes the outside port in mid-life; {ours} calls {theirs}",
            partial(port_rewritten, ours=ours, theirs=theirs),
            needs("nat", ours, theirs),
        )
        for ours, theirs in (("ikevpn", "ikevpn"), ("strongswan", "ikevpn"))
    ),
    *(
        Scenario(
            _name("two-clients", ours, theirs),
            f"two clients behind one many-to-one box; {ours} calls {theirs}",
            partial(two_clients, ours=ours, theirs=theirs),
            needs("nat", ours, theirs),
        )
        for ours, theirs in _PAIRINGS
    ),
)
