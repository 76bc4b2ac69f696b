"""What comes in the clear and should have come through a tunnel, against the real kernel.

    wan-far ── wan 192.0.2.1/24, 2001:db8::1/64       lan-far ── lan 10.1.1.1/24, fd01::1/64
    vpn0: a device that stands for TUN

Packets are put on the cable at `wan-far` or `lan-far`; one that nobody discards is received by a socket. Each is
followed by a packet that always passes, so that what has not come when that one comes was discarded.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.net.follow.changes import Changes, Kind
from ikevpn.net.host import JOURNAL, Host
from ikevpn.net.kernel.packet_table import PacketTable, table_name
from ikevpn.net.kernel.rtnetlink import Kernel
from ikevpn.net.plan.addresses import plan_device
from ikevpn.net.plan.routes import plan_blocks, plan_routes
from ikevpn.net.plan.steps import Plan
from ikevpn.net.plan.unprotected import plan_accept, plan_discard, plan_discard_routed
from tests.conftest import REPOSITORY
from tests.net.places import Place, new_place

pytestmark = pytest.mark.root

_SPELL = itertools.count()
KILLED = """
import asyncio, os, pathlib, signal, sys
from ikevpn.net.host import Host
from tests.net.test_unprotected import PARIS, plan_discard

async def main():
    host = Host(pathlib.Path(sys.argv[1]))
    await host.open()
    await host.apply("paris", plan_discard([PARIS], "vpn0"))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def selector(local: str, remote: str, protocol: int = 0, local_port: int = 0, remote_port: int = 0) -> Selector:
    return Selector(AddressRange.of(local), AddressRange.of(remote), protocol, local_port, remote_port)


PARIS = selector("10.1.0.0/16", "10.2.2.0/24")
PARIS6 = selector("fd01::/64", "fd02::/64")


class Wire:
    """The gateway of the drawing, with cables whose far ends we hold."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.kernel = Kernel(PacketTable("ikevpn_test", (500, 4500)))
        self._ends = {device: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) for device in ("wan", "lan")}
        self._macs = {}
        for device, end in self._ends.items():
            end.bind((f"{device}-far", 0))
            self._macs[device] = place.see(f"link show dev {device}")[0]["address"]
        self._sinks = {7000: _sink(7000), 500: _sink(500), 6000: _sink(6000)}

    def close(self) -> None:
        self.kernel.close()
        for each in (*self._ends.values(), *self._sinks.values()):
            each.close()

    def apply(self, plan: Plan) -> None:
        for step in plan:
            step.apply(self.kernel)

    def undo(self, plan: Plan) -> None:
        for step in reversed(plan):
            step.undo(self.kernel)

    def put(self, packet: Packet, device: str = "wan") -> None:
        """A packet comes in on a device."""
        self._ends[device].send(bytes(Ether(src="02:00:00:00:00:01", dst=self._macs[device]) / packet))

    def passes(self, source: str, target: str, device: str = "wan", port: int = 7000, source_port: int = 9) -> bool:
        """Whether a datagram is received."""
        header = IPv6(src=source, dst=target) if ":" in source else IP(src=source, dst=target)
        return self.received(header / UDP(sport=source_port, dport=port), device, port)

    def received(self, packet: Packet, device: str = "wan", port: int = 7000) -> bool:
        word = b"%d" % next(_SPELL)
        self.put(packet / Raw(word), device)
        self.put(IP(src="198.51.100.9", dst="192.0.2.1") / UDP(sport=9, dport=port) / Raw(b"end " + word))
        heard = list(iter(lambda: self._sinks[port].recv(100), b"end " + word))
        return word in heard

    def discarded(self) -> int:
        return self.kernel.packets.discarded() or 0

    def flush(self) -> None:
        """As `systemctl restart nftables` does."""
        subprocess.run(["ip", "netns", "exec", self.place.name, "nft", "flush", "ruleset"], check=True)

    def table(self, name: str = "ikevpn_test") -> str:
        words = ["ip", "netns", "exec", self.place.name, "nft", "list", "table", "inet", name]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def _sink(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.bind(("::", port))
    made.settimeout(10)
    return made


@pytest.fixture
def wire() -> Iterator[Wire]:
    with new_place() as place, contextlib.ExitStack() as undo:
        place.ip("link set lo up")
        place.ip("tuntap add dev vpn0 mode tun")
        for device in ("wan", "lan"):
            place.ip(f"link add {device} type veth peer name {device}-far")
            place.ip(f"link set {device}-far up")
        words = ["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.wan.rp_filter=0", "net.ipv4.conf.lan.rp_filter=0"]
        subprocess.run(["ip", "netns", "exec", place.name, "sysctl", "-qw", *words], check=True)
        for device, *addresses in (("wan", "192.0.2.1/24", "2001:db8::1/64"), ("lan", "10.1.1.1/24", "fd01::1/64")):
            place.ip(f"link set {device} up")
            for address in addresses:
                place.ip(f"address add {address} dev {device}" + (" nodad" if ":" in address else ""))
        place.ip("route add default via 192.0.2.254")
        place.ip("-6 route add default via 2001:db8::fe")
        made = Wire(place)
        undo.callback(made.close)
        yield made


def test_a_pair_is_discarded_and_counted_in_both_families(wire: Wire) -> None:
    assert wire.passes("10.2.2.9", "10.1.1.1"), "before anything is configured"
    plan = plan_discard([PARIS, PARIS6], "vpn0")
    wire.apply(plan)
    assert not wire.passes("10.2.2.9", "10.1.1.1")
    assert not wire.passes("fd02::9", "fd01::1")
    assert wire.discarded() == 2
    for source, target in (("10.2.3.9", "10.1.1.1"), ("10.2.2.9", "192.0.2.1"), ("fd03::9", "fd01::1")):
        assert wire.passes(source, target), "of no pair"
    assert wire.discarded() == 2
    wire.undo(plan)
    assert wire.passes("10.2.2.9", "10.1.1.1")
    assert not wire.table(), "nothing to discard, no table"


def test_what_comes_out_of_a_tunnel_passes(wire: Wire) -> None:
    wire.apply(plan_discard([PARIS], "lan"))  # a device that stands for the tunnel's, because we hold its far end
    assert wire.passes("10.2.2.9", "10.1.1.1", "lan")
    assert not wire.passes("10.2.2.9", "10.1.1.1", "wan")


def test_what_carries_a_tunnel_passes_though_its_ends_are_the_pair(wire: Wire) -> None:
    wire.apply(plan_discard([selector("192.0.2.1", "192.0.2.2"), selector("2001:db8::1", "2001:db8::2")], "vpn0"))
    header, header6 = IP(src="192.0.2.2", dst="192.0.2.1"), IPv6(src="2001:db8::2", dst="2001:db8::1")
    assert wire.passes("192.0.2.2", "192.0.2.1", port=500), "IKE"
    assert wire.passes("2001:db8::2", "2001:db8::1", port=500)
    carried = [
        header / ESP(spi=1, seq=1, data=b"x" * 32),
        header / AH(spi=1, seq=1),
        header / UDP(sport=1025, dport=4500) / Raw(b"x"),
        header6 / ESP(spi=1, seq=1, data=b"x" * 32),
        IP(src="192.0.2.2", dst="192.0.2.1", frag=10) / Raw(b"x" * 8),
        header6 / IPv6ExtHdrFragment(offset=10, nh=17) / Raw(b"x" * 8),
        header / ICMP(type=3, code=4, nexthopmtu=1400) / IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / Raw(b"x" * 8),
        header / ICMP(type=3, code=4) / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=4500, dport=4500),
        header6 / ICMPv6PacketTooBig(mtu=1400) / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=4500),
        header6 / ICMPv6ND_NS(tgt="2001:db8::1"),
    ]
    for packet in carried:
        wire.put(packet)
    assert not wire.passes("192.0.2.2", "192.0.2.1"), "everything else between the two"
    assert wire.discarded() == 1
    lies = [
        header / ICMP(type=3, code=4) / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=53, dport=53),
        header / ICMP(type=8),
        header / TCP(dport=4500),
        header / UDP(sport=500, dport=53),
    ]
    for packet in lies:
        wire.put(packet)
    assert wire.passes("198.51.100.9", "192.0.2.1")
    assert wire.discarded() == 1 + len(lies)


def test_esp_that_is_only_forwarded_is_no_carrier(wire: Wire) -> None:
    wire.apply(plan_discard([PARIS], "vpn0"))
    wire.put(IP(src="10.2.2.9", dst="10.1.1.7") / ESP(spi=1, seq=1, data=b"x" * 32))
    wire.put(IP(src="10.2.2.9", dst="10.1.1.7") / UDP(sport=500, dport=500))
    assert wire.passes("198.51.100.9", "192.0.2.1")
    assert wire.discarded() == 2


def test_protocol_and_ports_of_a_selector(wire: Wire) -> None:
    wire.apply(
        plan_discard(
            [
                selector("192.0.2.1", "192.0.2.2", 17, 7000, 6000),
                selector("192.0.2.1", "192.0.2.3", 17, 7000),
                selector("192.0.2.1", "192.0.2.4", 17, 0, 6000),
                selector("192.0.2.1", "192.0.2.5", 6),
            ],
            "vpn0",
        )
    )
    assert not wire.passes("192.0.2.2", "192.0.2.1", source_port=6000)
    assert wire.passes("192.0.2.2", "192.0.2.1", source_port=6001)
    assert not wire.passes("192.0.2.3", "192.0.2.1")
    assert wire.passes("192.0.2.3", "192.0.2.1", port=6000)
    assert not wire.passes("192.0.2.4", "192.0.2.1", source_port=6000)
    assert wire.passes("192.0.2.4", "192.0.2.1")
    assert wire.passes("192.0.2.5", "192.0.2.1")


def test_the_more_exact_pair_counts(wire: Wire) -> None:
    wire.apply(plan_discard([selector("10.1.0.0/16", "10.2.0.0/16")], "vpn0"))
    exception = plan_accept([selector("10.1.0.0/16", "10.2.2.0/24")], "vpn0")
    wire.apply(exception)
    assert wire.passes("10.2.2.9", "10.1.1.1") and not wire.passes("10.2.3.9", "10.1.1.1")
    wire.apply(plan_discard([selector("10.1.1.1", "10.2.2.9")], "vpn0"))
    assert wire.passes("10.2.2.8", "10.1.1.1") and not wire.passes("10.2.2.9", "10.1.1.1")
    wire.undo(exception[1:])
    assert not wire.passes("10.2.2.8", "10.1.1.1")


def test_only_exceptions_are_no_table(wire: Wire) -> None:
    wire.apply(plan_accept([PARIS], "vpn0"))
    assert not wire.table()


def test_where_the_remote_network_holds_ours_the_way_back_decides(wire: Wire) -> None:
    """The next LAN keeps reaching us, and what would be answered into the tunnel, or into its block, is discarded."""
    everything = [selector("10.1.0.0/16", "0.0.0.0/0"), selector("fd01::/64", "::/0")]
    networks = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    wire.apply(plan_discard(everything, "vpn0"))
    assert wire.passes("10.1.1.7", "10.1.1.1", "lan") and wire.passes("fd01::7", "fd01::1", "lan")
    wire.apply(plan_blocks(networks))
    assert wire.passes("10.1.1.7", "10.1.1.1", "lan") and wire.passes("fd01::7", "fd01::1", "lan")
    assert not wire.passes("203.0.113.7", "10.1.1.1") and not wire.passes("2001:db8:1::7", "fd01::1")
    wire.apply((*plan_device("vpn0", [ip_interface("10.9.9.1/30")]), *plan_routes(networks, "vpn0", 100)))
    assert not wire.passes("203.0.113.7", "10.1.1.1") and not wire.passes("2001:db8:1::7", "fd01::1")
    assert wire.passes("10.1.1.7", "10.1.1.1", "lan") and wire.passes("fd01::7", "fd01::1", "lan")


def test_for_a_route_based_tunnel_routes_decide(wire: Wire) -> None:
    anything = [selector("0.0.0.0/0", "0.0.0.0/0")]
    wire.apply(plan_discard_routed(anything, [ip_network("10.2.2.0/24")], "vpn0"))
    wire.apply(plan_blocks([ip_network("10.2.2.0/24")]))
    assert wire.passes("198.51.100.7", "192.0.2.1"), "answered by the default route"
    assert not wire.passes("10.2.2.9", "192.0.2.1"), "answered into the block"
    wire.place.ip("link set vpn0 up")
    assert wire.passes("10.77.0.9", "10.1.1.1")
    wire.place.ip("route add 10.77.0.0/16 dev vpn0")
    assert not wire.passes("10.77.0.9", "10.1.1.1"), "a route that is not ours leads into the tunnel"


def test_a_kill_leaves_it_in_force_and_the_next_run_takes_it_over(wire: Wire, tmp_path: Path) -> None:
    words = ["ip", "netns", "exec", wire.place.name, sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(words, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, check=False)
    assert done.returncode == -signal.SIGKILL
    name = table_name(tmp_path)
    assert not wire.passes("10.2.2.9", "10.1.1.1")

    async def next_run(*, claim: bool) -> None:
        host = Host(tmp_path)
        await host.open()
        if claim:
            await host.apply("paris", plan_discard([PARIS], "vpn0"))
        await host.settle()
        assert (await host.discarded() or 0) >= claim, "the count goes on"
        assert wire.passes("10.2.2.9", "10.1.1.1") is not claim
        await host.close(undo=not claim)

    asyncio.run(next_run(claim=True))
    assert not wire.passes("10.2.2.9", "10.1.1.1"), "in force after a run that leaves it so"
    asyncio.run(next_run(claim=False))
    assert not wire.table(name)


def test_what_no_journal_knows_of_is_swept(wire: Wire, tmp_path: Path) -> None:
    """Under the name of this state folder, and of another one."""

    async def leave(folder: Path) -> None:
        host = Host(folder)
        await host.open()
        await host.apply("paris", plan_discard([PARIS], "vpn0"))
        await host.close(undo=False)

    async def start() -> None:
        host = Host(tmp_path / "a")
        await host.open()
        await host.apply("rome", plan_discard([PARIS6], "vpn0"))
        await host.settle()
        assert wire.passes("10.2.2.9", "10.1.1.1") and not wire.passes("fd02::9", "fd01::1")
        await host.close()

    for name in ("a", "b"):
        asyncio.run(leave(tmp_path / name))
        (tmp_path / name / JOURNAL).unlink()
    wire.kernel.packets._nftables.change("an operator's own", "add table inet ikevpn_nat\n")
    asyncio.run(start())
    assert wire.kernel.packets._nftables.list("table inet ikevpn_nat"), "an operator's own, for NAT of these networks"
    assert not wire.table(table_name(tmp_path / "a")) and not wire.table(table_name(tmp_path / "b"))


def test_two_daemons_leave_each_other_alone(wire: Wire, tmp_path: Path) -> None:
    async def story() -> None:
        one, two = Host(tmp_path / "one"), Host(tmp_path / "two")
        await one.open()
        await two.open()
        for host in (one, two):
            await host.apply("paris", plan_discard([PARIS], "vpn0"))
            await host.settle()
        await one.close()
        assert not wire.passes("10.2.2.9", "10.1.1.1")
        await two.close()
        assert wire.passes("10.2.2.9", "10.1.1.1")

    asyncio.run(story())


def test_a_flushed_table_is_written_anew(wire: Wire) -> None:
    wire.apply(plan_discard([PARIS], "vpn0"))
    assert not wire.kernel.packets.restore()
    wire.flush()
    assert wire.passes("10.2.2.9", "10.1.1.1")
    assert wire.kernel.packets.restore()
    assert not wire.passes("10.2.2.9", "10.1.1.1")
    wire.flush()
    wire.apply(plan_discard([PARIS6], "vpn0"))  # or with the next change
    assert not wire.passes("10.2.2.9", "10.1.1.1") and not wire.passes("fd02::9", "fd01::1")


def test_a_flush_is_heard(wire: Wire) -> None:
    async def story() -> None:
        changes = Changes(tables=True)
        try:
            wire.apply(plan_discard([PARIS], "vpn0"))
            wire.flush()
            async with asyncio.timeout(10):
                assert await changes.next() == {Kind.TABLE}
        finally:
            changes.close()

    asyncio.run(story())


def test_three_hundred_pairs_of_a_shape_are_one_rule(wire: Wire) -> None:
    """What a packet costs does not grow with the number of tunnels."""
    for number in range(300):
        remote = f"10.{2 + number // 256}.{number % 256}.0/24"
        wire.apply(plan_discard([selector("10.1.0.0/16", remote)], "vpn0"))
    assert wire.table().count("@discard4_24_16") == wire.table().count("@discard") == 1
    assert not wire.passes("10.3.7.9", "10.1.1.1") and wire.passes("10.9.7.9", "10.1.1.1")


def test_an_address_range_is_made_of_networks(wire: Wire) -> None:
    wire.apply(
        plan_discard([Selector(PARIS.local, AddressRange(ip_address("10.2.2.5"), ip_address("10.2.2.9")))], "vpn0")
    )
    assert [host for host in range(3, 12) if not wire.passes(f"10.2.2.{host}", "10.1.1.1")] == [5, 6, 7, 8, 9]
