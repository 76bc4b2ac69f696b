"""A path that takes less than the devices at its ends, and routers that mark packets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
from scapy.layers.inet import IP

from ikevpn.esp.encap import inner_mtu
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader
from ikevpn.model.sa import Direction, Encapsulation, SaUse
from tests.net import pings
from tests.net.gateways import DEVICE, Gateway, join, packet_socket, pair_of
from tests.net.routers import MIDDLE_MTU, Line, line
from tests.net.test_dataplane import OUTSIDES, transfer

pytestmark = pytest.mark.root

SILENT = ("icmp type destination-unreachable drop", "icmpv6 type packet-too-big drop")
WITHIN_S = 120.0


def run(story: Callable[[Line], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with line() as found:
            await asyncio.wait_for(story(found), WITHIN_S)

    asyncio.run(whole())


async def ping(gateway: Gateway, target: str, size: int, *options: str, count: int = 4) -> str:
    """Packets of `size` octets, all in all."""
    words = ("ping", "-c", str(count), "-i", "0.2", "-W", "2")
    return await gateway.run(*words, "-M", "do", "-s", _data_of(size, target), *options, target, may_fail=True)


async def lost(gateway: Gateway, target: str, size: int) -> list[int]:
    """The numbers of those packets of `size` octets that were not answered."""
    words = pings.words(4, 0.2)
    printed = await gateway.run(*words, "-M", "do", "-s", _data_of(size, target), target, may_fail=True)
    return pings.lost(printed, 4)


def _data_of(size: int, target: str) -> str:
    """Without the headers of IP and ICMP."""
    return str(size - (48 if ":" in target else 28))


async def outbound(gateway: Gateway) -> SaUse:
    (use,) = [use for use in await gateway.plane.query() if use.direction is Direction.OUT]
    return use


def packets(end: socket.socket, header: int) -> list[IP]:
    """IPv4 packets that a socket has seen behind a header of this many octets."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            packet = end.recv(65_549)[header:]
            if packet[0] >> 4 == 4:
                found.append(IP(packet))
    return found


@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=str)
def test_what_routers_say_outside_is_said_inside(encapsulation: Encapsulation, version: int) -> None:
    async def story(line: Line) -> None:
        left, right = line.left, line.right
        await join(left, right, version, encapsulation)
        fits = inner_mtu(pair_of(left, right, version, encapsulation)[0], MIDDLE_MTU)
        printed = await ping(left, right.inside4, 1380)
        assert f"Frag needed and DF set (mtu = {fits})" in printed or f"mtu={fits}" in printed, printed
        assert (await outbound(left)).path_mtu == MIDDLE_MTU
        await ping(right, left.inside4, 1380)  # who answers has to learn it too
        assert await lost(left, right.inside4, fits) == []
        assert "100% packet loss" in await ping(left, right.inside4, fits + 1)
        printed = await ping(left, right.inside6, 1380)
        assert f"mtu={max(fits, 1280)}" in printed, printed
        assert await lost(left, right.inside6, max(fits, 1280)) == []
        counters = await left.plane.counters()
        assert counters["drop-too-big"] >= 2

    run(story)


@pytest.mark.parametrize("outer", [OuterHeader(), OuterHeader(mss=None)], ids=["clamped", "not clamped"])
@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=str)
def test_tcp_works_at_once(encapsulation: Encapsulation, version: int, outer: OuterHeader) -> None:
    async def story(line: Line) -> None:
        await join(line.left, line.right, version, encapsulation, outer=outer)
        await transfer(line.left, line.right, 4)
        await transfer(line.right, line.left, 6)
        found = [(await outbound(each)).path_mtu for each in (line.left, line.right)]
        assert MIDDLE_MTU in found if outer.mss == 0 else found == [MIDDLE_MTU] * 2

    run(story)


@pytest.mark.parametrize(
    "outer", [OuterHeader(mtu=1180), OuterHeader(DfBit.CLEAR), OuterHeader(mss=1100)], ids=["mtu", "df", "mss"]
)
@pytest.mark.parametrize("encapsulation", [Encapsulation.UDP, Encapsulation.NONE], ids=str)
def test_routers_that_say_nothing(encapsulation: Encapsulation, outer: OuterHeader) -> None:
    """DF clear needs no help; with it set the operator has to say how much fits."""

    async def story(line: Line) -> None:
        for router in line.routers:
            router.filter(*SILENT)
        await join(line.left, line.right, 4, encapsulation, outer=outer)
        await transfer(line.left, line.right, 4)
        await transfer(line.right, line.left, 4)

    run(story)


@pytest.mark.parametrize("fragment", list(Fragment), ids=str)
@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=str)
def test_what_may_be_fragmented_is(encapsulation: Encapsulation, version: int, fragment: Fragment) -> None:
    async def story(line: Line) -> None:
        left, right = line.left, line.right
        await join(left, right, version, encapsulation, outer=OuterHeader(fragment=fragment))
        for gateway, target in ((left, right.inside4), (right, left.inside4)):
            await ping(gateway, target, 1380)  # with DF: the path is known from here on
            await gateway.run("ip", "route", "flush", "cache")  # but not to the host
        printed = await left.run(*pings.words(5, 0.2), "-M", "dont", "-s", "1352", right.inside4)
        assert pings.lost(printed, 5) == []
        counters = await left.plane.counters()
        assert counters.get("fragmented", 0) == (pings.sent(printed) if fragment is Fragment.BEFORE else 0)

    run(story)


def test_df_dscp_and_ttl_outside() -> None:
    async def story(line: Line) -> None:
        left, right = line.left, line.right
        await join(left, right, 4, Encapsulation.UDP, outer=OuterHeader(ttl=99))
        with packet_socket(right) as cable:
            for service, options in ((0xB8, ("-M", "do")), (0x28, ("-M", "dont")), (0, ("-M", "do"))):
                await left.run("ping", "-c", "1", "-W", "5", "-Q", hex(service), *options, right.inside4)
            seen = [
                (packet.tos, packet.ttl, str(packet.flags))
                for packet in packets(cable, 14)
                if packet.src == "192.0.2.1"
            ]
        assert seen == [(0xB8, 97, "DF"), (0x28, 97, ""), (0, 97, "DF")]

    run(story)


@pytest.mark.parametrize("encapsulation", [Encapsulation.UDP, Encapsulation.NONE], ids=str)
def test_congestion_on_the_way_is_seen_inside(encapsulation: Encapsulation) -> None:
    async def story(line: Line) -> None:
        left, right = line.left, line.right
        line.routers[0].filter("ip ecn != 0 ip ecn set ce", "ip dscp 10 ip ecn set ce")
        await join(left, right, 4, encapsulation)
        assert pings.lost(await left.run(*pings.words(3, 0.2), "-Q", "0x2", right.inside4), 3) == []
        with packet_socket(right, DEVICE) as inside:
            await left.run("ping", "-c", "1", "-W", "5", "-Q", "0x2", right.inside4)
            await left.run("ping", "-c", "1", "-W", "5", "-Q", "0x0", right.inside4)
            services = [packet.tos for packet in packets(inside, 0) if packet.src == left.inside4]
        assert services == [3, 0]
        await ping(left, right.inside4, 100, "-Q", hex(10 << 2))  # not ECN-capable, and marked nevertheless
        drops = [dict(use.drops) for use in await right.plane.query() if use.direction is Direction.IN]
        assert drops == [{"ecn": 4}]

    run(story)


def test_congestion_reaches_tcp() -> None:
    """With ECN on at both ends a stream whose packets are all marked goes on, and none is dropped."""

    async def story(line: Line) -> None:
        for gateway in (line.left, line.right):
            await gateway.run("sysctl", "-qw", "net.ipv4.tcp_ecn=1")
        line.routers[0].filter("ip ecn != 0 ip ecn set ce")
        await join(line.left, line.right, 4, Encapsulation.UDP)
        await transfer(line.left, line.right, 4, 300_000)
        printed = await line.right.run("nstat", "-az", "IpExtInCEPkts")
        marked = int(printed.split("IpExtInCEPkts")[1].split()[0])
        assert marked > 10
        assert all("ecn" not in dict(use.drops) for use in await line.right.plane.query())

    run(story)
