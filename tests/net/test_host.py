"""Plans against the real kernel, in a namespace of their own; `ip -json` is the judge.

wan 192.0.2.1/24, 2001:db8::1/64 ── default via 192.0.2.254, 2001:db8::fe
lan 10.1.1.1/24, fd01::1/64
vpn0, vpn1: devices that stand for TUN
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest

from ikevpn.errors import HostError
from ikevpn.model.address import AddressRange, Network
from ikevpn.model.own_mark import OWN_MARK
from ikevpn.model.selector import Selector
from ikevpn.net.follow.changes import Changes, Kind
from ikevpn.net.follow.presence import Presence
from ikevpn.net.host import Host
from ikevpn.net.kernel.rtnetlink import Kernel, Route, RouteKind
from ikevpn.net.kernel.rule import TUNNELS_TABLE
from ikevpn.net.plan.addresses import plan_device
from ikevpn.net.plan.local import Path as LocalPath
from ikevpn.net.plan.routes import plan_blocks, plan_past, plan_routes, plan_way_out
from ikevpn.net.plan.rules import plan_into, plan_nowhere, plan_outside, plan_tunnels_table, plan_ways_table
from ikevpn.net.plan.steps import AddAddress, AddRoute, Plan, SetLinkUp
from ikevpn.net.plan.strays import find_strays
from tests.conftest import REPOSITORY
from tests.net.places import Place, new_place

pytestmark = pytest.mark.root

NETWORK = ip_network("10.2.2.0/24")
NETWORK6 = ip_network("fd02::/64")
PEER = ip_address("203.0.113.2")
PEER6 = ip_address("2001:db8::2")
PORT = Selector(AddressRange.of("192.0.2.1"), AddressRange.of("203.0.113.2"), 17, 5000, 6000)
HOSTS = Selector(AddressRange.of("192.0.2.1"), AddressRange.of("203.0.113.2"))
PORT6 = Selector(AddressRange.of("2001:db8::1"), AddressRange.of("2001:db8::2"), 6)
KILLED = """
import asyncio, os, pathlib, signal, sys
from ikevpn.net.host import Host
from tests.net.test_host import NETWORK, plan_blocks, tunnel_plan

async def main():
    host = Host(pathlib.Path(sys.argv[1]))
    await host.open()
    await host.apply("paris", (*plan_blocks([NETWORK]), *tunnel_plan()))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
Story = Callable[[Host], Awaitable[None]]


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as made:
        made.ip("link set lo up")
        for device in ("vpn0", "vpn1"):
            made.ip(f"tuntap add dev {device} mode tun")
        for device in ("wan", "lan"):
            made.ip(f"link add {device} type veth peer name {device}-far")
            made.ip(f"link set {device}-far up")
        for device, *addresses in (("wan", "192.0.2.1/24", "2001:db8::1/64"), ("lan", "10.1.1.1/24", "fd01::1/64")):
            made.ip(f"link set {device} up")
            for address in addresses:
                made.ip(f"address add {address} dev {device}" + (" nodad" if ":" in address else ""))
        made.ip("route add default via 192.0.2.254")
        made.ip("-6 route add default via 2001:db8::fe")
        yield made


def run(place: Place, tmp_path: Path, test: Story, *, undo: bool = True) -> None:
    """Tell a story to a host that is opened before and closed after it."""

    async def whole() -> None:
        host = Host(tmp_path)
        await host.open()
        try:
            await test(host)
        finally:
            await host.close(undo=undo)

    asyncio.run(whole())


def others(place: Place) -> list[str]:
    """Routes that were there before us."""
    return place.routes() + place.routes("-6")


def tunnel_plan(device: str = "vpn0", metric: int = 100) -> Plan:
    return (
        *plan_device(device, [ip_interface("10.9.9.1/30"), ip_interface("fd09::1/64")]),
        *plan_routes([NETWORK, NETWORK6], device, metric, ip_address("10.1.1.1")),
    )


def test_a_plan_is_applied_and_undone(place: Place, tmp_path: Path) -> None:
    before = others(place)

    async def story(host: Host) -> None:
        await host.apply("paris", (*plan_blocks([NETWORK, NETWORK6]), *tunnel_plan()))
        assert place.addresses("vpn0") == ["10.9.9.1/30", "fd09::1/64"]
        assert "10.2.2.0/24 vpn0 100" in place.routes()
        assert "blackhole 10.2.2.0/24 2000000000" in place.routes()
        assert "fd02::/64 vpn0 100" in place.routes("-6")
        assert any(each.startswith("blackhole fd02::/64") for each in place.routes("-6"))
        (route,) = place.see("route get 10.2.2.7")
        assert (route["dev"], route["prefsrc"]) == ("vpn0", "10.1.1.1")
        (shown,) = [each for each in place.see("route show 10.2.2.0/24") if each.get("dev") == "vpn0"]
        assert shown["protocol"] == "50"
        await host.undo("paris")
        assert others(place) == before
        assert place.addresses("vpn0") == []
        assert "UP" not in place.see("link show vpn0")[0]["flags"]

    run(place, tmp_path, story)


def test_a_block_stays_when_the_tunnel_goes_down(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        await host.apply("paris", (*plan_blocks([NETWORK]), *tunnel_plan()))
        await host.apply("paris", plan_blocks([NETWORK]))
        assert place.routes() == ["default 192.0.2.254 wan", "blackhole 10.2.2.0/24 2000000000"]
        await host.apply("paris", plan_blocks([NETWORK], reject=True))
        assert place.routes() == ["default 192.0.2.254 wan", "unreachable 10.2.2.0/24 2000000001"]

    run(place, tmp_path, story)
    assert place.routes() == ["default 192.0.2.254 wan"]


def test_all_devices_go_in_one_step_and_blocks_stay(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        asked = []
        link = host._kernel._netlink.link

        def count(verb: str, **arguments: Any) -> Any:
            asked.append(verb)
            return link(verb, **arguments)

        await host.apply("paris", (*plan_blocks([NETWORK]), *tunnel_plan()))
        await host.apply("rome", tunnel_plan("vpn1", 200))
        await host.undo("rome")
        await host.apply("oslo", (SetLinkUp("vpn1"),))
        host._kernel._netlink.link = count
        await host.delete_devices()
        assert asked == ["del"]
        assert {"wan", "lan"} == {each["ifname"] for each in place.see("link show")} & {"wan", "lan", "vpn0", "vpn1"}
        assert "blackhole 10.2.2.0/24 2000000000" in place.routes()
        await host.undo("paris")
        await host.delete_devices()  # none is left

    run(place, tmp_path, story)
    assert place.routes() == ["default 192.0.2.254 wan"]


def test_a_device_that_was_let_go_is_not_deleted(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        await host.apply("paris", tunnel_plan())
        await host.undo("paris")
        await host.delete_devices()
        assert place.see("link show vpn0")

    run(place, tmp_path, story)


def test_applying_twice_changes_nothing(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        await host.apply("paris", tunnel_plan())
        once = others(place)
        await host.apply("paris", tunnel_plan())
        assert others(place) == once

    run(place, tmp_path, story)


def test_applying_again_brings_back_what_vanished(place: Place, tmp_path: Path) -> None:
    """A TUN device that is made anew has no routes."""

    async def story(host: Host) -> None:
        await host.apply("paris", tunnel_plan())
        place.ip("link del vpn0")
        place.ip("tuntap add dev vpn0 mode tun")
        await host.apply("paris", tunnel_plan())
        assert "10.2.2.0/24 vpn0 100" in place.routes()
        assert place.addresses("vpn0") == ["10.9.9.1/30", "fd09::1/64"]

    run(place, tmp_path, story)


def test_undoing_what_vanished_is_no_error(place: Place, tmp_path: Path) -> None:
    before = others(place)

    async def story(host: Host) -> None:
        await host.apply("paris", (*plan_blocks([NETWORK]), *tunnel_plan()))
        place.ip("link del vpn0")
        place.ip("route del blackhole 10.2.2.0/24 metric 2000000000")

    run(place, tmp_path, story)
    assert others(place) == before


def test_a_step_that_fails_takes_the_others_back(place: Place, tmp_path: Path) -> None:
    before = others(place)

    async def story(host: Host) -> None:
        broken = AddRoute(Route(ip_network("10.7.0.0/16"), "vpn0", ip_address("10.66.0.1"), metric=5))
        with pytest.raises(HostError) as caught:
            await host.apply("paris", (*plan_blocks([NETWORK]), *tunnel_plan(), broken))
        assert str(caught.value) == (
            "adding the route 10.7.0.0/16 via 10.66.0.1 dev vpn0 metric 5 failed: network is unreachable"
        )
        assert others(place) == before
        assert place.addresses("vpn0") == []

    run(place, tmp_path, story)


def test_a_failing_change_keeps_the_old_plan(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        await host.apply("paris", tunnel_plan())
        once = others(place)
        missing = AddAddress("nosuch0", ip_interface("10.9.9.9/32"))
        with pytest.raises(HostError, match="there is no network device nosuch0"):
            await host.apply("paris", (*plan_blocks([NETWORK]), missing))
        assert others(place) == once

    run(place, tmp_path, story)


def test_what_two_owners_want_stays_until_both_let_go(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        shared = plan_device("vpn0", [ip_interface("10.9.9.1/30")])
        await host.apply("paris", (*shared, *plan_routes([NETWORK], "vpn0", 100)))
        await host.apply("lyon", (*shared, *plan_routes([ip_network("10.3.3.0/24")], "vpn0", 100)))
        await host.undo("paris")
        assert place.addresses("vpn0") == ["10.9.9.1/30"]
        assert place.routes() == ["default 192.0.2.254 wan", "10.3.3.0/24 vpn0 100"]
        await host.undo("lyon")
        assert place.addresses("vpn0") == []

    run(place, tmp_path, story)


def test_two_tunnels_to_one_network_by_metric(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        await host.apply("paris", (*plan_device("vpn0"), *plan_routes([NETWORK], "vpn0", 100)))
        await host.apply("lyon", (*plan_device("vpn1"), *plan_routes([NETWORK], "vpn1", 101)))
        assert place.see("route get 10.2.2.7")[0]["dev"] == "vpn0"
        await host.undo("paris")
        assert place.see("route get 10.2.2.7")[0]["dev"] == "vpn1"
        with pytest.raises(HostError) as caught:
            await host.apply("paris", (*plan_device("vpn0"), *plan_routes([NETWORK], "vpn0", 101)))
        assert str(caught.value) == "lyon has another route in the place of 10.2.2.0/24 dev vpn0 metric 101"
        assert place.see("route get 10.2.2.7")[0]["dev"] == "vpn1"

    run(place, tmp_path, story)


@pytest.mark.parametrize("network", [NETWORK, NETWORK6])
def test_a_changed_route_replaces_the_old_one(place: Place, tmp_path: Path, network: Network) -> None:
    family, own = ("-6", "fd01::1") if network is NETWORK6 else ("-4", "10.1.1.1")

    async def story(host: Host) -> None:
        await host.apply("paris", (*plan_device("vpn0"), *plan_routes([network], "vpn0", 100)))
        await host.apply("paris", (*plan_device("vpn0"), *plan_routes([network], "vpn0", 100, ip_address(own))))
        (shown,) = place.see(f"{family} route show {network}")
        assert shown["prefsrc"] == own
        await host.undo("paris")
        assert place.see(f"{family} route show {network}") == []

    run(place, tmp_path, story)


def test_what_others_added_stays(place: Place, tmp_path: Path) -> None:
    place.ip("link set vpn0 up")
    place.ip("address add 10.9.9.1/30 dev vpn0")
    place.ip("route add 10.2.2.0/24 dev vpn0 metric 100")

    async def story(host: Host) -> None:
        steps = (*plan_device("vpn0", [ip_interface("10.9.9.1/30")]), *plan_routes([NETWORK], "vpn0", 100))
        await host.apply("paris", steps)
        await host.undo("paris")

    run(place, tmp_path, story)
    assert "10.2.2.0/24 vpn0 100" in place.routes()
    assert place.addresses("vpn0") == ["10.9.9.1/30"]
    assert "UP" in place.see("link show vpn0")[0]["flags"]


def test_anothers_route_elsewhere_is_an_error_in_words(place: Place, tmp_path: Path) -> None:
    place.ip("route add 10.2.2.0/24 dev lan metric 100")

    async def story(host: Host) -> None:
        with pytest.raises(HostError) as caught:
            await host.apply("paris", tunnel_plan())
        assert str(caught.value) == (
            "the route 10.2.2.0/24 dev vpn0 metric 100 cannot be added: there is 10.2.2.0/24 dev lan metric 100 already"
        )
        assert caught.value.fix == "Remove that route, or give the tunnel another metric."

    run(place, tmp_path, story)
    assert "10.2.2.0/24 lan 100" in place.routes()


def test_after_a_crash_blocks_hold_until_the_next_run_settles(place: Place, tmp_path: Path) -> None:
    before = others(place)

    async def crash(host: Host) -> None:
        await host.apply("paris", (*plan_blocks([NETWORK, NETWORK6]), *tunnel_plan()))
        await host.apply("lyon", plan_blocks([ip_network("10.3.3.0/24")]))

    run(place, tmp_path, crash, undo=False)
    place.ip("link del vpn0")  # a TUN device goes with its process

    async def next_run(host: Host) -> None:
        assert "blackhole 10.3.3.0/24 2000000000" in place.routes()
        await host.apply("paris", plan_blocks([NETWORK]))
        await host.settle()
        assert place.routes() == ["default 192.0.2.254 wan", "blackhole 10.2.2.0/24 2000000000"]

    run(place, tmp_path, next_run)
    assert others(place) == before


def test_a_run_that_is_killed_is_cleaned_up_after(place: Place, tmp_path: Path) -> None:
    before = others(place)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "10.2.2.0/24 vpn0 100" in place.routes()

    async def next_run(host: Host) -> None:
        await host.settle()
        assert others(place) == before
        assert place.addresses("vpn0") == []

    run(place, tmp_path, next_run)


def all_kinds() -> Plan:
    """A plan with everything in it that carries our protocol number."""
    return (
        *tunnel_plan(),
        *plan_outside([4, 6], (500, 4500)),
        *plan_tunnels_table([4, 6]),
        *plan_ways_table([4, 6]),
        *plan_nowhere(PEER, [PORT, HOSTS]),
        *plan_nowhere(PEER6, [PORT6], reject=True),
        *plan_into(PEER, [PORT, HOSTS], "vpn0", ip_address("192.0.2.1"), 5_050_001),
        *plan_blocks([NETWORK, NETWORK6]),
        *plan_blocks([ip_network("10.3.3.0/24"), ip_network("fd03::/64")], reject=True),
        *plan_blocks([NETWORK, NETWORK6], TUNNELS_TABLE),
        *plan_past([NETWORK, NETWORK6]),
        *plan_way_out(NETWORK, LocalPath(ip_address("192.0.2.1"), "wan", ip_address("192.0.2.254"), 1500)),
    )


def ours(place: Place) -> int:
    """How many rules and routes carry our protocol number, by `ip`."""
    lines = [f"{family} {what}" for family in ("-4", "-6") for what in ("rule show", "route show table all")]
    return sum(each.get("protocol") in ("50", 50) for line in lines for each in place.see(line))


def test_what_no_journal_knows_of_is_taken_away_and_nothing_else(place: Place, tmp_path: Path) -> None:
    async def crash(host: Host) -> None:
        await host.apply("paris", all_kinds())

    async def next_run(host: Host) -> None:
        await host.apply("lyon", plan_blocks([NETWORK]))
        await host.apply("rome", plan_outside([4], (500,)))
        await host.settle()
        assert ours(place) == 1 + 7

    before = others(place)
    run(place, tmp_path / "lost", crash, undo=False)
    for device in ("vpn0", "vpn1"):
        place.ip(f"link del {device}")
    place.ip("rule add priority 53 to 203.0.113.9 blackhole")
    assert ours(place) > 15
    run(place, tmp_path, next_run)
    assert ours(place) == 0 and others(place) == before
    assert [each["priority"] for each in place.see("rule show")] == [0, 53, 32766, 32767]


def test_whoever_has_a_journal_leaves_alone_what_it_does_not_know(place: Place, tmp_path: Path) -> None:
    """It may be of another daemon that has crashed, and its blocks hold until that one is back."""

    async def nothing(host: Host) -> None:
        await host.settle()

    async def crash(host: Host) -> None:
        await host.apply("paris", plan_blocks([NETWORK]))

    run(place, tmp_path, nothing)
    run(place, tmp_path / "other", crash, undo=False)
    run(place, tmp_path, nothing)
    assert ours(place) == 1


def test_what_is_in_force_is_no_stray(place: Place, tmp_path: Path) -> None:
    def strays() -> Plan:
        with contextlib.closing(Kernel()) as kernel:
            return find_strays(kernel, all_kinds())

    async def story(host: Host) -> None:
        await host.apply("paris", all_kinds())
        count = ours(place)
        await host.settle()
        assert ours(place) == count
        assert await asyncio.to_thread(strays) == ()

    run(place, tmp_path, story)
    assert ours(place) == 0


def test_what_another_daemon_may_have_set_up_stays(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        await host.apply("paris", plan_blocks([NETWORK]))
        other = Host(tmp_path / "other")
        await other.open()
        await other.settle()
        await other.close()
        assert ours(place) == 1

    run(place, tmp_path, story)


def test_a_journal_of_another_namespace_is_forgotten(tmp_path: Path) -> None:
    async def crash(host: Host) -> None:
        await host.apply("paris", plan_blocks([NETWORK]))

    async def settle(host: Host) -> None:
        await host.settle()

    with new_place() as first:
        first.ip("link set lo up")
        run(first, tmp_path, crash, undo=False)
        with new_place() as second:
            second.ip("link set lo up")
            second.ip("route add blackhole 10.2.2.0/24 metric 2000000000 proto 50")
            other = Presence()
            run(second, tmp_path, settle)
            other.close()
            assert second.routes() == ["blackhole 10.2.2.0/24 2000000000"]


def test_everything_through_the_tunnel_leaves_a_way_out_to_the_peer(place: Place, tmp_path: Path) -> None:
    networks = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    own = (*plan_outside([4, 6], (500, 4500)), *plan_tunnels_table([4, 6]), *plan_ways_table([4]))
    marked = f"route get {PEER} mark {OWN_MARK}"

    async def story(host: Host) -> None:
        path = await host.path_to(PEER)
        assert (str(path.local), path.device, str(path.gateway), path.mtu) == ("192.0.2.1", "wan", "192.0.2.254", 1500)
        peer = [ip_network(PEER)]
        way_out = plan_way_out(peer[0], path)
        rest = (*plan_blocks(networks), *plan_blocks(peer, TUNNELS_TABLE), *plan_device("vpn0"))
        rest += (*plan_routes(networks, "vpn0", 100), *plan_routes(peer, "vpn0", 100, table=TUNNELS_TABLE))
        await host.apply("paris", (*own, *way_out, *rest))
        assert place.see("route get 8.8.8.8")[0]["dev"] == "vpn0"
        assert place.see("route get 2001:4860::8")[0]["dev"] == "vpn0"
        assert place.see(f"route get {PEER}")[0]["dev"] == "vpn0", "only what carries the tunnel goes around"
        assert place.see(marked)[0]["gateway"] == "192.0.2.254"
        assert await host.path_to(PEER) == path
        assert (await host.path_to(ip_address("198.51.100.9"))).device == "wan"
        place.ip("route replace default via 192.0.2.253")
        assert str((await host.path_to(PEER)).gateway) == "192.0.2.253"
        await host.apply("paris", (*own, *plan_way_out(peer[0], await host.path_to(PEER)), *rest))
        assert place.see(marked)[0]["gateway"] == "192.0.2.253"
        await host.apply("paris", plan_blocks(networks))
        assert (await host.path_to(PEER)).device == "wan"

    run(place, tmp_path, story)
    assert place.routes() == ["default 192.0.2.253 wan"]
    assert place.routes("-6") == ["default 2001:db8::fe wan 1024"]
    assert ours(place) == 0


@pytest.mark.parametrize("network", [ip_network("203.0.113.0/24"), ip_network("2001:db8:1::/48")])
def test_our_table_goes_before_all_that_the_host_knows_and_leaves_out_what_is_past_it(
    place: Place, tmp_path: Path, network: Network
) -> None:
    version, peer = network.version, next(network.hosts())
    (part, *_), last = network.subnets(new_prefix=64 if version == 6 else 28), network.broadcast_address
    lan = "10.1.1.77" if version == 4 else "fd01::77"
    for line in (f"route add {part} dev lan", f"rule add to {network} lookup 99 priority 100"):
        place.ip(f"-{version} {line}")
    place.ip(f"-{version} route add {network} dev lan table 99")
    marked = f"-{version} route get {{}} mark {OWN_MARK}"
    wide = ip_network("10.0.0.0/8" if version == 4 else "fd00::/8")

    async def story(host: Host) -> None:
        rules = (*plan_outside([version], (500,)), *plan_tunnels_table([version]))
        blocks = (*rules, *plan_past([ip_network(f"{lan[:-2]}0/24" if version == 4 else "fd01::/64")]))
        blocks += plan_blocks([network, wide], TUNNELS_TABLE)
        await host.apply("paris", blocks)
        for target in (peer, last):
            with pytest.raises(subprocess.CalledProcessError):
                place.see(f"-{version} route get {target}")
            assert place.see(marked.format(target))[0]["dev"] == "lan", "as without us"
        assert place.see(f"-{version} route get {lan}")[0]["dev"] == "lan"
        routes = plan_routes([network, wide], "vpn0", 100, table=TUNNELS_TABLE)
        await host.apply("paris", (*blocks, *plan_device("vpn0"), *routes))
        for target in (peer, last):
            assert place.see(f"-{version} route get {target}")[0]["dev"] == "vpn0"
            assert place.see(marked.format(target))[0]["dev"] == "lan"
            assert (await host.path_to(target)).device == "lan"
        assert place.see(f"-{version} route get {lan}")[0]["dev"] == "lan"

    run(place, tmp_path, story)
    assert ours(place) == 0


@pytest.mark.parametrize("version", [4, 6])
def test_connected_sockets_hear_of_new_blocks_and_routes(place: Place, tmp_path: Path, version: int) -> None:
    """Also where the rules stand already: a connection from before the tunnel does not go on in the clear."""
    first, second = (
        ip_network(text) for text in (("10.2.2.0/24", "10.3.3.0/24") if version == 4 else ("fd02::/64", "fd03::/64"))
    )
    place.ip(
        f"-{version} neigh add {'192.0.2.254' if version == 4 else '2001:db8::fe'} lladdr 02:00:00:00:00:01 dev wan"
    )
    rules = (*plan_outside([version], (500,)), *plan_tunnels_table([version]))

    async def story(host: Host) -> None:
        await host.apply("paris", (*rules, *plan_blocks([first], TUNNELS_TABLE)))
        with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as connected:
            connected.connect((str(second[9]), 9))
            connected.send(b"in the clear, as long as there is no tunnel")
            block = (*rules, *plan_blocks([second], TUNNELS_TABLE))
            await host.apply("lyon", block)
            with pytest.raises(OSError, match="Invalid argument"):
                connected.send(b"blocked")
            await host.apply(
                "lyon", (*block, *plan_device("vpn0"), *plan_routes([second], "vpn0", 100, table=TUNNELS_TABLE))
            )
            sent = place.see("-statistics link show vpn0")[0]["stats64"]["tx"]
            with contextlib.suppress(OSError):  # nobody has the other end of this TUN device
                connected.send(b"protected")
            after = place.see("-statistics link show vpn0")[0]["stats64"]["tx"]
            assert after != sent, "into the tunnel"

    run(place, tmp_path, story)
    assert ours(place) == 0


def test_paths(place: Place, tmp_path: Path) -> None:
    async def story(host: Host) -> None:
        direct = await host.path_to(ip_address("10.1.1.77"))
        assert (str(direct.local), direct.device, direct.gateway) == ("10.1.1.1", "lan", None)
        six = await host.path_to(ip_address("2001:db8:1::2"))
        assert (str(six.local), six.device, str(six.gateway)) == ("2001:db8::1", "wan", "2001:db8::fe")
        place.ip("route del default")
        with pytest.raises(HostError, match=r"^there is no route to 203\.0\.113\.2$"):
            await host.path_to(PEER)
        assert await host.source_in([AddressRange.of("10.1.1.0/24")]) == ip_address("10.1.1.1")
        assert await host.source_in([AddressRange.of("10.8.0.0/24")]) is None
        assert ("lan", ip_interface("10.1.1.1/24")) in await host.own_addresses()
        around = await host.surroundings()
        assert {ip_address("10.1.1.1"), ip_address("2001:db8::fe")} <= around.addresses
        assert Route(ip_network("10.1.1.0/24"), "lan", source=ip_address("10.1.1.1")) in around.routes
        place.ip("address add 10.8.0.1/24 dev lan")
        assert await host.surroundings() is around, "a thousand tunnels cost one look"
        host.forget_surroundings()
        assert ip_address("10.8.0.1") in (await host.surroundings()).addresses

    run(place, tmp_path, story)


def test_changes_are_heard(place: Place) -> None:
    async def story() -> None:
        changes = Changes()
        try:
            for line, kind in (
                ("link set vpn0 up", Kind.LINK),
                ("address add 10.5.5.5/32 dev vpn0", Kind.ADDRESS),
                ("route add 10.6.0.0/16 dev vpn0", Kind.ROUTE),
                ("-6 address add fd05::5/128 dev vpn0 nodad", Kind.ADDRESS),
            ):
                place.ip(line)
                heard: frozenset[Kind] = frozenset()
                async with asyncio.timeout(90):
                    while kind not in heard:
                        heard = await changes.next()
        finally:
            changes.close()

    asyncio.run(story())


def test_a_device_that_is_not_there(place: Place) -> None:
    kernel = Kernel()
    try:
        with pytest.raises(HostError, match="there is no network device nosuch0"):
            SetLinkUp("nosuch0").apply(kernel)
        SetLinkUp("nosuch0").undo(kernel)
        AddRoute(Route(NETWORK, "nosuch0")).undo(kernel)
        assert kernel.route_to(ip_address("10.1.1.9")) == Route(
            ip_network("10.1.1.9/32"), "lan", None, ip_address("10.1.1.1"), kind=RouteKind.UNICAST
        )
    finally:
        kernel.close()
