"""Both ends prove themselves with signatures, against strongSwan: ours the key of west, its the key of east.

left: ikevpn 192.0.2.1 ─── right: strongSwan 192.0.2.2
 10.1.1.0/24                10.2.2.0/24
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from interop.lab.topology import Topology, pair
from interop.peers.credentials import Credentials
from interop.peers.tunnel import Mode, TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage

SUBJECT = "C=CH, O=ikevpn test, OU=gateways, CN={}.example.com"


def stand(stage: Stage, ours: Credentials, theirs: Credentials, base: TunnelParameters) -> tuple[Topology, Side, Side]:
    """ikevpn and strongSwan with these keys; they are called as their certificates say, unless told."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, base)
    if base.local_id is None and base.remote_id is None:
        west, east = f'"{SUBJECT.format("west")}"', f'"{SUBJECT.format("east")}"'
        right_view = replace(right_view, local_id=east, remote_id=west)
        left_view = replace(left_view, local_id=west.strip('"'), remote_id=east.strip('"'))
    right = stage.side("strongswan", topology.right, replace(right_view, credentials=theirs))
    left = stage.side("ikevpn", topology.left, replace(left_view, credentials=ours))
    stage.stands()
    return topology, left, right


def known(stage: Stage, kind: str, mode: Mode, *, calls: bool) -> None:
    """Each end has the certificate of the other; one of them `calls`, ours or strongSwan."""
    west, east = f"west-{kind}", f"east-{kind}"
    base = TunnelParameters(mode=mode, ike_suite="aes256-sha256-g14")
    topology, left, right = stand(stage, Credentials(west, east), Credentials(east, west), base)
    one, other = (left, right) if calls else (right, left)
    proof.whole_life(topology, one, other, (left, right))


_KINDS: tuple[tuple[str, Mode], ...] = (("rsa", "main"), ("rsa", "aggressive"), ("ec256", "main"), ("ec384", "main"))
SCENARIOS = tuple(
    Scenario(
        f"certificate-known-{kind}-{mode}-{'initiator' if calls else 'responder'}",
        f"each end knows the certificate of the other: {kind}, {mode} mode, {'we' if calls else 'strongSwan'} first",
        partial(known, kind=kind, mode=mode, calls=calls),
        needs("ikevpn", "strongswan"),
    )
    for kind, mode in _KINDS
    for calls in (True, False)
)
