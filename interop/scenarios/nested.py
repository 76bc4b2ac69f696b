"""AH around ESP: negotiated by IKE, ikevpn to ikevpn, and under manual keys with a kernel, which has two templates.

    left: ikevpn 192.0.2.1 / 2001:db8::1 ─────── 192.0.2.2 / 2001:db8::2 right: ikevpn, or a guest's kernel
     10.1.1.0/24                                                            10.2.2.0/24

The other IKE daemons of today offer one protocol a tunnel; those that could offer both are gone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from interop.lab.outcome import expect
from interop.lab.topology import pair
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import TunnelParameters, between
from interop.scenarios.host_to_host import play as play_transport
from interop.scenarios.host_to_host import without_ike
from interop.scenarios.manual_keys import manual, restarted, whole_life
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage

_KERNEL = (
    ("esp-3des-md5+ah-md5", 4),
    ("esp-aes128-sha+ah-sha", 4),
    ("esp-aes256-sha256+ah-sha256", 4),
    ("esp-aes128-null+ah-sha256", 4),
    ("esp-aes128-sha+ah-sha256", 6),
)
_BASE = TunnelParameters(ike_suite="aes128-sha-g14", esp_suite="aes128-sha-ah-sha", pfs=True)


def play(stage: Stage, base: TunnelParameters, family: int = 4, **daemon: Any) -> None:
    """The whole life of a negotiated bundle: traffic of all kinds, both sides renew it, one ends it."""
    topology = pair(stage.site, family=family)
    left, right = (
        stage.side("ikevpn", gateway, view, **daemon)
        for gateway, view in zip(topology.gateways(), between(topology.left, topology.right, base), strict=True)
    )
    stage.stands()
    proof.comes_up(left, right)
    _both_show_both(left, right)
    proof.carries(left, right)
    proof.carries_large_datagrams(left, right)
    proof.rekeys_without_loss(left, right, (left, right))
    _both_show_both(left, right)
    _refused_nothing(left, right)
    proof.goes_down(left, right)
    proof.is_blocked(left, right)
    proof.nothing_in_clear(topology)


def _both_show_both(left: Side, right: Side) -> None:
    """Each side's numbers of AH are the other's, and no others."""
    spis = [[(each["ah_spi_in"], each["ah_spi_out"]) for each in _children(side)] for side in (left, right)]
    mirrored = [(ours, theirs) for theirs, ours in spis[1]]
    expect(all(all(each) for each in spis[0]) and spis[0] == mirrored, f"SPIs of AH: {spis[0]} and {spis[1]}")


def _refused_nothing(*sides: Side) -> None:
    for side in sides:
        for child in _children(side):
            expect(not child["drops"], f"{side.peer.label} dropped packets: {child['drops']}")


def _children(side: Side) -> list[dict[str, object]]:
    assert isinstance(side.peer, Ikevpn)
    return [child for tunnel in side.peer.status() for child in tunnel["children"]]


SCENARIOS = (
    *(
        Scenario(
            f"nested-ikevpn-{name}",
            f"ikevpn to ikevpn, AH around ESP: {words}",
            partial(play, base=base, family=family),
            needs("ikevpn"),
        )
        for name, words, base, family in (
            ("main", "main mode, PFS", _BASE, 4),
            (
                "aggressive",
                "aggressive mode, no PFS",
                TunnelParameters(mode="aggressive", esp_suite="gcm-ah-sha256"),
                4,
            ),
            ("ipv6", "over IPv6, ESP without integrity", TunnelParameters(esp_suite="aes128-null-ah-sha256"), 6),
        )
    ),
    Scenario(
        "nested-ikevpn-workers",
        "ikevpn to ikevpn, AH around ESP, with two workers each: both SAs of a bundle are with one",
        partial(play, base=_BASE, workers=2),
        needs("ikevpn"),
    ),
    Scenario(
        "nested-ikevpn-transport",
        "ikevpn to ikevpn, AH around ESP in transport mode",
        partial(play_transport, base=_BASE),
        needs("ikevpn"),
    ),
    *(
        Scenario(
            f"nested-{name}-{proposal.replace('+', '-')}{'-ipv6' if family == 6 else ''}",
            f"manual keys, AH around ESP, {words}: {proposal} over IPv{family}",
            partial(whole_life, keys=manual(proposal), theirs=theirs, family=family),
            needs("ikevpn", theirs),
        )
        for name, words, theirs, bundles in (
            ("kernel", "the kernel of a guest by `ip xfrm`", "guest-xfrm", _KERNEL),
            ("manual", "ikevpn to ikevpn", "ikevpn", _KERNEL[1:2]),
        )
        for proposal, family in bundles
    ),
    Scenario(
        "nested-kernel-restart",
        "manual keys, AH around ESP, with a kernel: stopped, killed, worker killed, and both protocols' numbers go on",
        partial(restarted, theirs="guest-xfrm", proposal="esp-aes128-sha+ah-sha"),
        needs("ikevpn", "guest-xfrm"),
    ),
    Scenario(
        "nested-kernel-transport",
        "manual keys, AH around ESP in transport mode, with a kernel",
        partial(without_ike, proposal="esp-aes128-sha+ah-sha", family=4),
        needs("ikevpn", "guest-xfrm"),
    ),
)
