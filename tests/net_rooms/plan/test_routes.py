"""Plans of routes: what they say, without a kernel."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from ikevpn.net.kernel.rtnetlink import RouteKind
from ikevpn.net.kernel.rule import TUNNELS_TABLE
from ikevpn.net.plan.local import Path
from ikevpn.net.plan.routes import BLOCK_METRIC, plan_blocks, plan_past, plan_routes, plan_way_out
from ikevpn.net.plan.steps import AddRoute, Plan

WAN = Path(ip_address("192.0.2.1"), "wan", ip_address("192.0.2.254"), 1500)
NETWORK = ip_network("10.2.2.0/24")


def networks(plan: Plan) -> list[str]:
    return [str(step.route.network) for step in plan if isinstance(step, AddRoute)]


def test_the_default_route_becomes_two_halves() -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    halves = ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]
    assert networks(plan_routes(everything, "vpn0", 100)) == halves
    assert networks(plan_blocks(everything)) == halves


def test_the_source_goes_with_its_own_family() -> None:
    plan = plan_routes([NETWORK, ip_network("fd02::/64")], "vpn0", 100, ip_address("10.1.1.1"))
    assert [str(step.route.source) for step in plan if isinstance(step, AddRoute)] == ["10.1.1.1", "None"]


def test_blocks_are_worse_than_every_route_and_never_share_a_place() -> None:
    (block,), (reject,) = plan_blocks([NETWORK]), plan_blocks([NETWORK], reject=True)
    assert isinstance(block, AddRoute) and isinstance(reject, AddRoute)
    assert (block.route.kind, reject.route.kind) == (RouteKind.BLACKHOLE, RouteKind.UNREACHABLE)
    assert min(block.route.metric, reject.route.metric) >= BLOCK_METRIC > 1_000_000_000
    assert block.place != reject.place


def test_a_table_of_our_own_needs_no_halves_and_what_is_past_it_is_worse_than_a_block() -> None:
    (route,) = plan_routes([ip_network("0.0.0.0/0")], "vpn0", 100, table=TUNNELS_TABLE)
    (past,), (block,) = plan_past([NETWORK]), plan_blocks([NETWORK], TUNNELS_TABLE)
    assert isinstance(route, AddRoute) and isinstance(past, AddRoute) and isinstance(block, AddRoute)
    assert str(route.route) == "0.0.0.0/0 dev vpn0 metric 100 table 5050"
    assert past.route.kind is RouteKind.THROW and past.route.metric > block.route.metric + 1


def test_the_way_out_is_for_what_we_send_ourselves() -> None:
    (step,) = plan_way_out(ip_network("10.2.2.9/32"), WAN)
    assert isinstance(step, AddRoute)
    assert str(step.route) == "10.2.2.9/32 via 192.0.2.254 dev wan table 5052"
