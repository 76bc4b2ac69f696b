"""ikevpn on both ends: every way to carry ESP, to start, to bind and to choose networks; and what follows a death.

left: ikevpn 192.0.2.1 / 2001:db8::1 ─────── 192.0.2.2 / 2001:db8::2 right: ikevpn
 10.1.1.0/24, fd00:1::/64                      10.2.2.0/24, fd00:2::/64
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from interop.lab.outcome import expect, wait_until
from interop.lab.topology import Topology, pair, routed
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import Choices, TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage
from interop.traffic import traffic
from interop.traffic.traffic import End

OCTETS = 5_000_000
_MODERN: Choices = {"ike_suite": "aes256-sha512-g19", "esp_suite": "aes128gcm16", "pfs": True}


def _base(**choices: Any) -> TunnelParameters:
    return TunnelParameters(**choices)


def _both(stage: Stage, topology: Topology, base: TunnelParameters, **ours: Any) -> tuple[Side, Side]:
    """ikevpn on both gateways; `ours` are choices of the left end alone."""
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side("ikevpn", topology.right, right_view)
    left = stage.side("ikevpn", topology.left, replace(left_view, **ours))
    stage.stands()
    return left, right


def carried(stage: Stage, base: TunnelParameters, family: int) -> None:
    """The whole life of a tunnel, ESP as protocol 50 or forced into UDP."""
    topology = pair(stage.site, family=family)
    left, right = _both(stage, topology, base)
    proof.comes_up(left, right)
    proof.encapsulation_is(left, udp=base.nat_traversal == "force")
    proof.carries(left, right)
    proof.rekeys_without_loss(left, right, (left, right))
    proof.goes_down(right, left)
    proof.is_blocked(right, left)
    proof.nothing_in_clear(topology)


def on_demand(stage: Stage) -> None:
    """The first packet raises the tunnel and is itself delivered once the tunnel is there."""
    topology = pair(stage.site)
    left, right = _both(stage, topology, _base(**_MODERN), start="on-demand")
    expect(not left.peer.sas(), "the tunnel is up although no packet has asked for it")
    traffic.ping(left.end, right.end, 1, warm_up=False)
    proof.both_hold(left, right)
    proof.carries(left, right, OCTETS)
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


def kept_up(stage: Stage) -> None:
    """`start = "up"` keeps calling until the peer is there, and calls again when the peer has died and come back."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, _base(**_MODERN))
    quick = (("retransmit_s", 0.5), ("retransmit_tries", 3), ("dpd_interval_s", 1.0))
    left = stage.side("ikevpn", topology.left, replace(left_view, start="up", extra=quick))
    right = stage.side("ikevpn", topology.right, right_view)
    stage.stands()
    first = proof.both_hold(left, right)
    traffic.ping(left.end, right.end)
    assert isinstance(right.peer, Ikevpn)
    right.peer.kill()
    right.peer.start()
    proof.both_hold(left, right, but=(first,))
    proof.carries(left, right, OCTETS)
    proof.nothing_in_clear(topology)


def route_based(stage: Stage) -> None:
    """A device with an address on each end: what is routed there goes through, or is dropped while it is down."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, _base(binding="route", **_MODERN))
    everything: Choices = {"local_networks": ("0.0.0.0/0",), "remote_networks": ("0.0.0.0/0",)}
    sides = []
    for gateway, view, own, routes in (
        (topology.right, right_view, "10.9.9.2/30", ["10.1.1.0/24"]),
        (topology.left, left_view, "10.9.9.1/30", ["10.2.2.0/24"]),
    ):
        extra = (("device", "vpn9"), ("address", [own]), ("routes", routes))
        sides.append(stage.side("ikevpn", gateway, replace(view, extra=extra, **everything)))
    right, left = sides
    stage.stands()
    proof.comes_up(left, right)
    traffic.ping(End(left.host, "10.9.9.1"), End(right.host, "10.9.9.2"))
    proof.carries(left, right, OCTETS)
    proof.rekeys_without_loss(left, right, (left, right))
    proof.goes_down(left, right)
    proof.is_blocked(left, right)
    proof.nothing_in_clear(topology)


def several_networks(stage: Stage) -> None:
    """Two networks on each side make four pairs, IPv4 and IPv6 of them do not mix; each is a quick mode of its own."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, _base(**_MODERN))
    ours, theirs = ("10.1.1.0/24", "10.11.0.0/16"), ("10.2.2.0/24", "10.22.0.0/16")
    topology.left.host.ip("addr add 10.11.0.1/16 dev lo")
    topology.right.host.ip("addr add 10.22.0.1/16 dev lo")
    right = stage.side("ikevpn", topology.right, replace(right_view, local_networks=theirs, remote_networks=ours))
    left = stage.side("ikevpn", topology.left, replace(left_view, local_networks=ours, remote_networks=theirs))
    stage.stands()
    proof.comes_up(left, right)
    wait_until(lambda: len(left.peer.sas()) == len(right.peer.sas()) == 4, "four pairs of SAs on both sides")
    for source in ("10.1.1.1", "10.11.0.1"):
        for target in ("10.2.2.1", "10.22.0.1"):
            traffic.ping(End(left.host, source), End(right.host, target))
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


def inner_ipv6(stage: Stage, family: int) -> None:
    """IPv6 inside, IPv4 or IPv6 outside."""
    topology = pair(stage.site, family=family)
    networks: Choices = {"local_networks": (topology.left.network6,), "remote_networks": (topology.right.network6,)}
    left_view, right_view = between(topology.left, topology.right, _base(**_MODERN))
    mirrored: Choices = {"local_networks": networks["remote_networks"], "remote_networks": networks["local_networks"]}
    right = stage.side("ikevpn", topology.right, replace(right_view, **mirrored))
    left = stage.side("ikevpn", topology.left, replace(left_view, **networks))
    stage.stands()
    proof.comes_up(left, right)
    traffic.ping(left.end6, right.end6)
    traffic.transfer(left.end6, right.end6, OCTETS)
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


def forwarded(stage: Stage) -> None:
    """Hosts behind both gateways, a narrow wire between these: forwarded packets arrive whole."""
    topology = routed(stage.site, mtu=1400, hosts=True)
    left, right = _both(stage, topology, _base(**_MODERN))
    proof.comes_up(left, right)
    proof.carries(left, right)
    proof.rekeys_without_loss(left, right, (left, right))
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


def reloaded(stage: Stage) -> None:
    """A reload leaves an unchanged tunnel alone, adds a new one, and takes away one that is gone."""
    topology = pair(stage.site)
    left_view, right_view = between(topology.left, topology.right, _base(**_MODERN))
    left_more, right_more = (_second(view) for view in (left_view, right_view))
    topology.left.host.ip("addr add 10.11.0.1/16 dev lo")
    topology.right.host.ip("addr add 10.22.0.1/16 dev lo")
    right = stage.side("ikevpn", topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    stage.stands()
    proof.comes_up(left, right)
    before = left.peer.sas()
    right.peer.configure(right_view, right_more)
    left.peer.configure(left_view, left_more)
    expect(left.peer.sas() == before, "the reload touched a tunnel that had not changed")
    proof.comes_up(left, right, "more")
    traffic.ping(End(left.host, "10.11.0.1"), End(right.host, "10.22.0.1"))
    left.peer.configure(left_view)
    wait_until(lambda: not right.peer.sas("more"), "the end of the removed tunnel on the other side")
    expect(left.peer.sas() == before, "the reload touched a tunnel that had not changed")
    traffic.ping(left.end, right.end)
    proof.goes_down(left, right)
    proof.nothing_in_clear(topology)


def _second(view: TunnelParameters) -> TunnelParameters:
    """Another tunnel between the same gateways, known by names of its own."""
    networks = {"10.1.1.0/24": ("10.11.0.0/16",), "10.2.2.0/24": ("10.22.0.0/16",)}
    own, other = (f"n{each[0].split('.')[1]}.example" for each in (view.local_networks, view.remote_networks))
    return replace(
        view,
        name="more",
        local_id=own,
        remote_id=other,
        local_networks=networks[view.local_networks[0]],
        remote_networks=networks[view.remote_networks[0]],
    )


_CARRIED = tuple(
    Scenario(
        f"ikevpn-{mode}-{'udp' if force else 'raw'}-ipv{family}",
        f"ikevpn to ikevpn: {mode} mode over IPv{family}, ESP {'in UDP' if force else 'as protocol 50'}",
        partial(carried, base=_base(mode=mode, nat_traversal="force" if force else True, **_MODERN), family=family),
        needs("ikevpn"),
    )
    for family in (4, 6)
    for force in (False, True)
    for mode in ("main", "aggressive")
)
SCENARIOS = (
    *_CARRIED,
    Scenario("ikevpn-on-demand", "the first packet raises the tunnel and is delivered", on_demand, needs("ikevpn")),
    Scenario("ikevpn-kept-up", "wanted up: called until it answers, and again after it died", kept_up, needs("ikevpn")),
    Scenario("ikevpn-route-based", "a device with an address and routes on each end", route_based, needs("ikevpn")),
    Scenario(
        "ikevpn-several-networks", "two networks on each side, four quick modes", several_networks, needs("ikevpn")
    ),
    Scenario("ikevpn-inner-ipv6-ipv4", "IPv6 inside, IPv4 outside", partial(inner_ipv6, family=4), needs("ikevpn")),
    Scenario("ikevpn-inner-ipv6-ipv6", "IPv6 inside, IPv6 outside", partial(inner_ipv6, family=6), needs("ikevpn")),
    Scenario("ikevpn-forwarded", "hosts behind both gateways, a narrow wire between", forwarded, needs("ikevpn")),
    Scenario(
        "ikevpn-reload", "reload: unchanged stays up, new is added, gone is taken down", reloaded, needs("ikevpn")
    ),
)
