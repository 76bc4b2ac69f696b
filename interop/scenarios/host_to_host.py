"""What two gateways send to each other under their own addresses, ikevpn to ikevpn and to a kernel: transport mode, and
tunnel mode where neither side writes the peer's address down a second time.

left: ikevpn 192.0.2.1 / 2001:db8::1 ─────── 192.0.2.2 / 2001:db8::2 right: ikevpn, or a guest with strongSwan
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from interop.lab.nat import Kind
from interop.lab.outcome import expect
from interop.lab.topology import Topology, pair, routed
from interop.peers.tunnel import Choices, TunnelParameters, between
from interop.scenarios.manual_keys import manual
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage
from interop.traffic.traffic import End

OCTETS = 5_000_000
_WATCH = """
table netdev bare {
  chain arrival {
    type filter hook ingress device "outer" priority 0
    ip frag-off & 0x1fff != 0 accept
    ip protocol { esp, ah } accept
    ip6 nexthdr { esp, ah, ipv6-frag } accept
    udp dport { 500, 4500 } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report } accept
    ip saddr 192.0.2.0/24 counter
    ip6 saddr 2001:db8::/32 counter
  }
}
"""


class Host(Side):
    """A side whose traffic starts at its outer address."""

    @property
    def end(self) -> End:
        return End(self.host, self.gateway.outer)


class Public(Side):
    """A side whose traffic starts at its outer address, and goes to the one under which the other reaches it."""

    @property
    def end(self) -> End:
        return End(self.host, self.gateway.public, self.gateway.outer)


def _two(
    stage: Stage, base: TunnelParameters, theirs: str, family: int, *, defaults: bool = False, **options: object
) -> tuple[Topology, Side, Side]:
    """With `defaults` we say `peer`, and the other side leaves the networks out."""
    topology = pair(stage.site, family=family)
    for gateway in topology.gateways():
        gateway.host.nft(_WATCH)
    left_view, right_view = between(topology.left, topology.right, base)
    ours, peers = (topology.left.outer,), (topology.right.outer,)
    named = _networks((), ()) if defaults else _networks(peers, ours)
    right = stage.side(theirs, topology.right, replace(right_view, **named), **options)
    named = _networks(ours, ("peer",) if defaults else peers)
    left = stage.side("ikevpn", topology.left, replace(left_view, **named))
    stage.stands()
    left, right = (Host(side.gateway, side.peer, side.host) for side in (left, right))
    return topology, left, right


def _networks(local: tuple[str, ...], remote: tuple[str, ...]) -> Choices:
    return {"local_networks": local, "remote_networks": remote}


def play(
    stage: Stage,
    base: TunnelParameters,
    theirs: str = "ikevpn",
    family: int = 4,
    we_start: bool = True,
    defaults: bool = False,
) -> None:
    """The whole life of a tunnel between two hosts; large UDP crosses whole, and nothing but ESP and IKE is seen."""
    topology, left, right = _two(stage, base, theirs, family, defaults=defaults)
    initiator, responder = (left, right) if we_start else (right, left)
    proof.comes_up(initiator, responder)
    proof.encapsulation_is(left, udp=base.nat_traversal == "force")
    proof.carries(initiator, responder, OCTETS)
    proof.carries_large_datagrams(initiator, responder)
    proof.rekeys_without_loss(left, right, (left, right))
    proof.goes_down(initiator, responder)
    words = ("ping", "-n", "-c", "2", "-W", "1", right.gateway.outer)
    expect("bytes from" not in left.host.run(*words, check=False).output, "a ping was answered, the tunnel being down")
    _nothing_bare(topology)


def through_nat(stage: Stage, boxes: tuple[Kind | None, Kind | None], theirs: str) -> None:
    """Each end knows its own address and the one under which it reaches the other; TCP checksums are mended."""
    topology = routed(stage.site, left=boxes[0], right=boxes[1])
    left_view, right_view = between(topology.left, topology.right, _base("aes128gcm16"))
    own, seen = (topology.left.outer, topology.right.outer), (topology.left.public, topology.right.public)
    left_view = replace(left_view, local_networks=(own[0],), remote_networks=(seen[1],))
    right_view = replace(right_view, remote=seen[0], local_networks=(own[1],), remote_networks=(seen[0],))
    right = stage.side(theirs, topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    left, right = (Public(side.gateway, side.peer, side.host) for side in (left, right))
    proof.comes_up(left, right)
    proof.encapsulation_is(left, udp=True)
    proof.carries(left, right, OCTETS)
    proof.rekeys_without_loss(left, right, (left,))
    proof.goes_down(left, right)


def without_ike(stage: Stage, proposal: str, family: int) -> None:
    """Manual keys and transport mode, as the kernel of a guest has them by `ip xfrm`."""
    base = TunnelParameters(manual=manual(proposal), sa_mode="transport")
    topology, left, right = _two(stage, base, "guest-xfrm", family, mode="transport")
    proof.both_hold(left, right)
    proof.carries(left, right, OCTETS)
    proof.carries_large_datagrams(left, right)
    _nothing_bare(topology)


def _nothing_bare(topology: Topology) -> None:
    for gateway in topology.gateways():
        seen = gateway.host.run("nft", "list", "table", "netdev", "bare").output
        counts = [int(packets) for packets in re.findall(r"packets (\d+)", seen)]
        expect(len(counts) == 2 and not any(counts), f"packets came to {gateway.host.name} in clear: {counts}")


def _base(suite: str, force: bool = False) -> TunnelParameters:
    return TunnelParameters(
        ike_suite="aes256-sha256-g14",
        esp_suite=suite,
        pfs=True,
        nat_traversal="force" if force else True,
        sa_mode="transport",
    )


_BOXES: tuple[tuple[tuple[Kind | None, Kind | None], str], ...] = (
    (("napt", None), "ikevpn"),
    ((None, "one-to-one"), "ikevpn"),
    (("napt", "one-to-one"), "ikevpn"),
    (("napt", None), "guest-strongswan"),
)
SCENARIOS = (
    *(
        Scenario(
            f"ikevpn-transport-{'udp' if force else 'raw'}-ipv{family}",
            f"ikevpn to ikevpn: transport mode over IPv{family}, ESP {'in UDP' if force else 'as protocol 50'}",
            partial(play, base=_base("aes128gcm16", force), family=family),
            needs("ikevpn"),
        )
        for family in (4, 6)
        for force in (False, True)
    ),
    *(
        Scenario(
            f"transport-strongswan-{'i' if we_start else 'r'}-{suite}-ipv{family}",
            f"transport mode with strongSwan on a kernel: {suite} over IPv{family}, "
            f"{'we' if we_start else 'strongswan'} start",
            partial(play, base=_base(suite), theirs="guest-strongswan", family=family, we_start=we_start),
            needs("ikevpn", "guest-strongswan"),
        )
        for suite, family in (("aes128-sha", 4), ("aes128gcm16", 6), ("null-sha", 4), ("ah-sha256", 4), ("ah-sha", 6))
        for we_start in (True, False)
    ),
    *(
        Scenario(
            f"host-to-host-strongswan-{'i' if we_start else 'r'}-ipv{family}",
            f"tunnel mode over IPv{family} for the peer's own address: \"peer\" here, strongSwan's default there, "
            f"{'we' if we_start else 'strongswan'} start",
            partial(
                play,
                base=replace(_base("aes128gcm16"), sa_mode="tunnel"),
                theirs="guest-strongswan",
                family=family,
                we_start=we_start,
                defaults=True,
            ),
            needs("ikevpn", "guest-strongswan"),
        )
        for family in (4, 6)
        for we_start in (True, False)
    ),
    *(
        Scenario(
            f"transport-nat-{'-'.join(each or 'none' for each in boxes)}-{theirs}",
            f"transport mode through NAT ({boxes[0] or 'none'} before us, {boxes[1] or 'none'} before {theirs})",
            partial(through_nat, boxes=boxes, theirs=theirs),
            needs("nat", "ikevpn", theirs),
        )
        for boxes, theirs in _BOXES
    ),
    *(
        Scenario(
            f"transport-manual-{proposal}-ipv{family}",
            f"transport mode under manual keys, with a kernel: {proposal} over IPv{family}",
            partial(without_ike, proposal=proposal, family=family),
            needs("ikevpn", "guest-xfrm"),
        )
        for proposal, family in (("esp-3des-sha", 4), ("esp-aes128-sha", 4), ("ah-sha", 4))
    ),
)
