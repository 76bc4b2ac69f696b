"""A path that takes less than either end's own wire: routers say so, or the operator has to.

    left 198.51.100.2 ── 1500 ── core ── 1300 ── 203.0.113.2 right
     10.1.1.0/24                                  10.2.2.0/24

Left learns it from the router's ICMP and tells the senders inside. Where the router is silent, `mtu` on the left is
enough for TCP of both directions, because connections are corrected as they begin.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from interop.lab.outcome import expect
from interop.lab.topology import routed
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage
from interop.traffic import traffic

PATH_MTU = 1300
CONFIGURED = 1180
OCTETS = 5_000_000
_LARGE = 1352  # with headers 1380, which fits the device of a tunnel over a path of 1500

Router = Literal["speaks", "silent"]


def play(stage: Stage, theirs: str, udp: bool, router: Router) -> None:
    """Traffic of both directions over the narrow path."""
    topology = routed(stage.site, mtu=PATH_MTU)
    assert topology.core is not None
    extra = (("mtu", CONFIGURED),) if router == "silent" else ()
    base = TunnelParameters(esp_suite="aes128gcm16", nat_traversal="force" if udp else True, extra=extra)
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side(theirs, topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    if router == "silent":
        topology.core.nft(
            "table inet silent { chain output { type filter hook output priority 0; icmp type 3 drop; }; }"
        )
    proof.comes_up(left, right)
    proof.encapsulation_is(left, udp=udp)
    if router == "speaks":
        _is_told(left, right)
    traffic.ping(left.end, right.end)
    traffic.transfer(left.end, right.end, OCTETS)
    traffic.transfer(right.end, left.end, OCTETS)
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


def _is_told(left: Side, right: Side) -> None:
    """The sender of a large packet learns how much fits, and `status` shows what the path takes."""
    words = ("ping", "-c", "5", "-i", "0.2", "-W", "1", "-M", "do", "-s", str(_LARGE), "-I", left.end.address)
    printed = left.end.host.run(*words, right.end.address, check=False).output
    expect("Frag needed and DF set" in printed, f"nobody told the sender of a large packet: {printed}")
    assert isinstance(left.peer, Ikevpn)
    (tunnel,) = left.peer.status()
    found = [child.get("path_mtu", 0) for child in tunnel["children"]]
    expect(found == [PATH_MTU], f"the path takes {PATH_MTU} octets, and status says {found}")


SCENARIOS = tuple(
    Scenario(
        f"path-mtu-{router}-{theirs.removeprefix('guest-')}-{'udp' if udp else 'raw'}",
        f"a path of {PATH_MTU} octets to {theirs}, ESP {'in UDP' if udp else 'as protocol 50'}: the router "
        + ("says so" if router == "speaks" else "says nothing, mtu is configured"),
        partial(play, theirs=theirs, udp=udp, router=router),
        needs("ikevpn", theirs),
    )
    for router in ("speaks", "silent")
    for theirs, udp in (("strongswan", True), ("ikevpn", True), ("ikevpn", False), ("guest-strongswan", False))
)
