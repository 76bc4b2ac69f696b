"""A hundred tunnels come up although one IKE datagram in ten is lost on the way.

    left: ikevpn 192.0.2.1 ─── loses 10 % of IKE both ways ─── 192.0.2.2 right: ikevpn or strongSwan
     10.100.N.0/24                                                10.2.2.0/24

We call: two strongSwans do not manage it, because an initiator that has sent the last message of a quick mode does not
send it again when it was lost.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from interop.lab import loss
from interop.lab.outcome import expect, wait_until
from interop.lab.topology import pair
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage

TUNNELS = 100
PERCENT = 10
LONGEST_S = 300.0


def play(stage: Stage, ours: str, theirs: str) -> None:
    """All tunnels are wanted at once; all of them come up in time."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right)
    names = [f"t{number}" for number in range(TUNNELS)]
    lefts = [replace(_named(left_view, name, "left"), start="up") for name in names]
    rights = [_named(right_view, name, "right") for name in names]
    for side in (topology.left, topology.right):
        loss.lose_ike(side.host, PERCENT)
    right = stage.side(theirs, topology.right, *rights)
    left = stage.side(ours, topology.left, *lefts)
    stage.stands()
    try:
        wait_until(lambda: len(_up(left, names)) == TUNNELS, f"the start of {TUNNELS} tunnels", LONGEST_S)
    finally:
        up = _up(left, names)
        lost = [loss.counts(side.host) for side in (topology.left, topology.right)]
    expect(len(up) == TUNNELS, f"only {len(up)} of {TUNNELS} tunnels came up")
    expect(all(dropped for dropped, _ in lost), f"no datagram was lost, so nothing was proved: {lost}")
    for name in (names[0], names[-1]):
        proof.both_hold(left, right, name)


def _up(side: Side, names: list[str]) -> list[str]:
    found = side.peer.all_sas()
    return [name for name in names if name in found]


def _named(view: TunnelParameters, name: str, role: str) -> TunnelParameters:
    """One of the many: its own name, identities and client network."""
    network = f"10.100.{name[1:]}.0/24"
    own, other = f"{name}.left.example", f"{name}.right.example"
    if role == "left":
        return replace(view, name=name, local_id=own, remote_id=other, local_networks=(network,))
    return replace(view, name=name, local_id=other, remote_id=own, remote_networks=(network,))


SCENARIOS = tuple(
    Scenario(
        f"loss-10-percent-{ours}-{theirs}",
        f"{TUNNELS} of {TUNNELS} tunnels come up with {PERCENT} % of IKE datagrams lost; {ours} calls {theirs}",
        partial(play, ours=ours, theirs=theirs),
        needs(ours, theirs),
    )
    for ours, theirs in (("ikevpn", "ikevpn"), ("ikevpn", "strongswan"))
)
