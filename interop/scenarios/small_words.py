"""Keys that one side has and the other need not know of, against strongSwan: what they say is what happens.

left: ikevpn 192.0.2.1 ─── right: strongSwan 192.0.2.2
 10.1.1.0/24                10.2.2.0/24
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from interop.lab.outcome import Unmet, expect, wait_until
from interop.lab.topology import Topology, pair
from interop.peers.strongswan import Strongswan
from interop.peers.tunnel import Choices, TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage
from interop.traffic import traffic

PACKETS = 200
MOVED = "192.0.2.77"


@dataclass(frozen=True)
class _Stand:
    """Both sides, and what strongSwan was told."""

    topology: Topology
    left: Side
    right: Side
    told: TunnelParameters


def _stand(stage: Stage, keys: Choices, *, anywhere: bool = False, **more: Any) -> _Stand:
    """ikevpn with these keys, and strongSwan, which may be called from `anywhere`."""
    topology = pair(stage.site)
    left_view, told = between(topology.left, topology.right, TunnelParameters(extra=tuple(keys.items()), **more))
    told = replace(told, remote="any") if anywhere else told
    right = stage.side("strongswan", topology.right, replace(told, start="listen"))
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    return _Stand(topology, left, right, told)


def packets(stage: Stage) -> None:
    """After so many packets there are new keys, and no packet is lost."""
    stand = _stand(stage, {"esp_lifetime_packets": PACKETS})
    left, right = stand.left, stand.right
    proof.comes_up(left, right)
    old = proof.both_hold(left, right)
    pings = traffic.Pings(left.end, right.end)
    proof.both_hold(left, right, but=(old,))
    lost = pings.finish()
    expect(not lost, f"{len(lost)} pings were lost")
    proof.goes_down(left, right)
    proof.nothing_in_clear(stand.topology)


def no_checksum(stage: Stage) -> None:
    """ESP in UDP without checksums is taken as well."""
    stand = _stand(stage, {"udp_checksum": False}, nat_traversal="force")
    proof.whole_life(stand.topology, stand.left, stand.right, (stand.left, stand.right))


def initiator_only(stage: Stage) -> None:
    """strongSwan calls in vain; where we have called, it may ask for new keys."""
    stand = _stand(stage, {"initiator_only": True}, start="on-demand")
    left, right = stand.left, stand.right
    try:
        right.peer.initiate(timeout_s=3)
    except Unmet:
        pass
    else:
        raise Unmet("strongSwan was answered")
    wait_until(lambda: "only initiates and does not respond" in left.peer.log(), "the refusal in our log")
    right.peer.terminate()
    proof.comes_up(left, right)
    proof.rekeys_without_loss(left, right, (right, left))
    proof.goes_down(left, right)
    proof.nothing_in_clear(stand.topology)


def restart(stage: Stage) -> None:
    """A tunnel that only listens calls its peer after that was found dead."""
    stand = _stand(stage, {"dpd_action": "restart", "dpd_interval_s": 2, "dpd_timeout_s": 6, "retransmit_s": 1})
    left, right = stand.left, stand.right
    proof.comes_up(right, left)
    old = proof.both_hold(left, right)
    assert isinstance(right.peer, Strongswan)
    right.peer.kill()
    wait_until(lambda: not left.peer.sas("t"), "the end of the dead peer's SAs")
    proof.is_blocked(left, right)
    right.peer.start()
    right.peer.configure(stand.told)
    proof.both_hold(left, right, but=(old,))
    traffic.ping(left.end, right.end)
    proof.nothing_in_clear(stand.topology)


def interface(stage: Stage) -> None:
    """Our interface gets another address: the tunnel comes up again from there."""
    stand = _stand(stage, {"local": None, "interface": "outer"}, anywhere=True, start="up")
    left, right = stand.left, stand.right
    old = proof.both_hold(left, right)
    stand.topology.left.host.ip(
        f"addr del {stand.topology.left.outer}/24 dev outer",
        f"addr add {MOVED}/24 dev outer",
        f"route replace default via {stand.topology.right.outer} dev outer",
    )
    proof.both_hold(left, right, but=(old,))
    traffic.ping(left.end, right.end)
    expect(f"{MOVED}" in right.peer.log(), f"strongSwan was not called from {MOVED}")
    proof.nothing_in_clear(stand.topology)


_PLAYS = (
    ("packets", "new keys after 200 packets", packets),
    ("no-checksum", "ESP in UDP without checksums", no_checksum),
    ("initiator-only", "strongSwan calls and gets no answer, we call and do", initiator_only),
    ("restart", "strongSwan dies, and a tunnel that listens calls it", restart),
    ("interface", "our interface gets another address", interface),
)
SCENARIOS = tuple(
    Scenario(f"word-{name}", sentence, play, needs("ikevpn", "strongswan")) for name, sentence, play in _PLAYS
)
