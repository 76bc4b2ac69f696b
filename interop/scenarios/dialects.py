"""What old gateways speak: drafts of NAT traversal, IKE messages in fragments, dead peers found by asking.

left: ikevpn 192.0.2.1 ─── NAT or none ─── right: strongSwan or ikevpn
 10.1.1.0/24                                10.2.2.0/24
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from interop.lab.outcome import expect, wait_until
from interop.lab.topology import pair, routed
from interop.peers.ikevpn import Ikevpn
from interop.peers.strongswan import Strongswan
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Stage
from interop.traffic import traffic
from interop.traffic.traffic import End

OCTETS = 2_000_000
FRAGMENT = 576
DPD_S = 5


def draft(stage: Stage, theirs: str, text: str) -> None:
    """The left side offers one text of NAT traversal only, from behind a NAT."""
    topology = routed(stage.site, left="napt")
    left_view, right_view = between(topology.left, topology.right, TunnelParameters(extra=(("natt_drafts", [text]),)))
    responder = stage.side(theirs, topology.right, right_view)
    initiator = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    proof.comes_up(initiator, responder)
    expect(text in initiator.peer.log(), f"the two did not agree on {text}")
    proof.carries(initiator, responder, OCTETS)
    proof.rekeys_without_loss(initiator, responder, (initiator, responder))
    proof.goes_down(initiator, responder)


def fragments(stage: Stage, role: str) -> None:
    """Public values of 8192 bits do not fit into packets of 576 octets; both sides cut their messages."""
    topology = pair(stage.site)
    extra = (("fragmentation", FRAGMENT),)
    base = TunnelParameters(ike_suite="aes256-sha256-g18", esp_suite="aes128-sha", pfs=True, extra=extra)
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side("strongswan", topology.right, right_view, fragment_size=FRAGMENT)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    proof.comes_up(*((left, right) if role == "i" else (right, left)))
    log = right.peer.log()
    for words in ("received fragment #2", "splitting IKE message"):
        expect(words in log, f"strongSwan's log does not say {words!r}")
    proof.carries(left, right, OCTETS)
    proof.goes_down(left, right)


def dead_peer(stage: Stage) -> None:
    """The peer dies without a word: the tunnel is given up, called again, and works when the peer is back."""
    topology = pair(stage.site)
    extra = (("dpd_interval_s", DPD_S), ("retransmit_s", 1), ("retransmit_tries", 2))
    left_view, right_view = between(topology.left, topology.right, TunnelParameters(start="up", extra=extra))
    right = stage.side("strongswan", topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    old = proof.both_hold(left, right)
    assert isinstance(right.peer, Strongswan)
    right.peer.kill()
    wait_until(lambda: not left.peer.sas("t"), "the end of the dead peer's SAs")
    proof.is_blocked(left, right)
    right.peer.start()
    right.peer.configure(right_view)
    proof.both_hold(left, right, but=(old,))
    traffic.ping(left.end, right.end)


def answers_questions(stage: Stage) -> None:
    """The peer asks every second whether we live; it never comes to believe that we do not."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right)
    right = stage.side("strongswan", topology.right, right_view, dpd_s=1)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    proof.comes_up(left, right)
    wait_until(lambda: right.peer.log().count("received DPD vendor") >= 1, "DPD announced by us")
    wait_until(lambda: right.peer.log().count("N(DPD_ACK)") >= 3, "three answered questions")
    proof.both_hold(left, right)


def narrowed(stage: Stage) -> None:
    """strongSwan has a part of what we ask for, and answers with that; the rest goes nowhere."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right)
    agreed, asked = topology.right.network, "10.0.0.0/12"
    right = stage.side("strongswan", topology.right, right_view)
    left = stage.side("ikevpn", topology.left, replace(left_view, remote_networks=(asked,)))
    stage.stands()
    proof.comes_up(left, right)
    assert isinstance(left.peer, Ikevpn)
    status = left.peer.command("status", "t").output
    expect(agreed in status and asked not in status, f"status does not show what was agreed on: {status}")
    expect("agrees only to" in left.peer.log(), "the log does not say that the peer agrees to less")
    proof.carries(left, right, OCTETS)
    elsewhere = End(right.host, "10.3.3.3")
    expect(traffic.answers(left.end, elsewhere) == 0, "somebody answered who is in no tunnel")
    counters = left.peer.command("status", "--verbose").output
    expect("no-policy" in counters, f"what was not agreed on is not counted: {counters}")
    proof.rekeys_without_loss(left, right, (left, right))
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


SCENARIOS = (
    *(
        Scenario(
            f"dialect-{text}-ikevpn-{theirs}",
            f"NAT traversal by {text} only, ikevpn behind a NAT, {theirs} answers",
            partial(draft, theirs=theirs, text=text),
            needs("ikevpn", theirs, "nat"),
        )
        for theirs, texts in (
            ("strongswan", ("draft-03", "draft-02n", "draft-02")),
            ("ikevpn", ("draft-03", "draft-02n", "draft-02", "draft-00")),
        )
        for text in texts
    ),
    *(
        Scenario(
            f"dialect-fragments-{role}",
            f"group 18 in packets of {FRAGMENT} octets, {'ikevpn' if role == 'i' else 'strongSwan'} starts",
            partial(fragments, role=role),
            needs("ikevpn", "strongswan"),
        )
        for role in ("i", "r")
    ),
    Scenario("dialect-dead-peer", "strongSwan is killed and comes back", dead_peer, needs("ikevpn", "strongswan")),
    Scenario("dialect-narrowed", "strongSwan agrees to less than we ask for", narrowed, needs("ikevpn", "strongswan")),
    Scenario("dialect-dpd", "strongSwan asks whether we live", answers_questions, needs("ikevpn", "strongswan")),
)
