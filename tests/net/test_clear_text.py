"""Nothing leaves in clear that belongs into a tunnel: a sniffer at the peer's end of the cable counts.

What competes with the tunnel on the left: the peer's own address as its remote network, routes that are more exact,
rules that come before the main table, a connected network.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.net.daemons import Side, two_sides, until

pytestmark = pytest.mark.root
_SNIFF = """
import socket
end = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
end.bind(("cable", 0))
print("ready", flush=True)
while True:
    data, (_, ethertype, kind, *_) = end.recvfrom(2048)
    if kind == 4 or ethertype not in (0x0800, 0x86DD):  # what leaves here, and ARP
        continue
    four = ethertype == 0x0800
    protocol, target, rest = (data[9], data[16:20], data[20:]) if four else (data[6], data[24:40], data[40:])
    carries = protocol in (50, 51) or protocol == 17 and {rest[:2], rest[2:4]} & {b"\\x01\\xf4", b"\\x11\\x94"}
    neighbours = protocol == 58 and rest[0] in range(130, 138) or target[0] == (0xE0 if len(target) == 4 else 0xFF)
    if not carries and not neighbours and protocol not in (0, 2):
        print(protocol, target.hex(), flush=True)
"""
_SPRAY = """
import socket, sys
for target in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    for source in (sys.argv[1], None):
        end = socket.socket(family, socket.SOCK_DGRAM)
        if source:
            end.bind((source, 0))
        for _ in range(20):
            try:
                end.sendto(b"in clear", (target, 9999))
            except OSError:
                pass
"""


@pytest.fixture
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with two_sides(tmp_path_factory.mktemp("clear")) as both:
        for side in both:
            side.run("ip", "address", "add", f"fd0{side.number}::1/64", "dev", "lo", "nodad")
            side.run("ip", "-6", "route", "add", "default", "via", f"2001:db8::{3 - side.number}")
        yield both


@contextlib.contextmanager
def in_clear(side: Side, found: list[str]) -> Iterator[None]:
    """What comes over the cable to `side` and is neither IKE nor ESP, nor a question of neighbours."""
    words = ["ip", "netns", "exec", side.namespace, sys.executable, "-c", _SNIFF]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        reader = Thread(target=found.extend, args=(process.stdout,))
        reader.start()
        try:
            yield
        finally:
            process.terminate()
            reader.join()


def spray(side: Side, source: str, *targets: str) -> None:
    """Datagrams from `source` and from wherever the kernel calls, and one ping to each."""
    assert side.run(sys.executable, "-c", _SPRAY, source, *targets).status == 0
    for target in targets:
        side.run("ping", "-c", "1", "-W", "0.2", target)


def up(*sides: Side) -> bool:
    return all(side.tunnel()["state"] == "up" for side in sides)


def outer(side: Side, version: int) -> str:
    return side.outer if version == 4 else f"2001:db8::{side.number}"


def test_the_sniffer_sees_what_is_in_clear(sides: tuple[Side, Side]) -> None:
    left, right = sides
    found: list[str] = []
    with in_clear(right, found):
        spray(left, left.outer, right.outer)
        spray(left, "fd01::1", "fd02::7")
        until(lambda: len(found) == 82, "what is in clear")


@pytest.mark.parametrize("strict", ["true", "false"])
@pytest.mark.parametrize("version", [4, 6])
def test_the_address_of_the_peer_itself(sides: tuple[Side, Side], version: int, strict: str) -> None:
    """Host to host in tunnel mode; also where reverse path filtering is loose, as most hosts have it. One side says
    `peer`, the other one the address.
    """
    left, right = sides
    for side, other, start in ((left, right, "up"), (right, left, "listen")):
        for name in ("all", "default", "cable"):
            side.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=2")
        side.run("ip", "neigh", "flush", "dev", "cable")
        theirs = "peer" if side is left else outer(other, version)
        networks = {"local_networks": [outer(side, version)], "remote_networks": [theirs]}
        side.write("t", remote=outer(other, version), start=start, strict_routes=strict == "true", **networks)
    found: list[str] = []
    with in_clear(right, found), right.daemon(), left.daemon():
        until(lambda: up(left, right), "the tunnel")
        spray(left, outer(left, version), outer(right, version))
        assert left.run("ping", "-c", "3", "-i", "0.1", outer(right, version)).status == 0
        assert left.ikevpn("down", "t").status == 0
        left.run("ip", "neigh", "flush", "dev", "cable")
        spray(left, outer(left, version), outer(right, version))
        assert left.ikevpn("up", "t").status == 0, "what carries the tunnel meets no block"
        assert left.run("ping", "-c", "3", "-i", "0.1", outer(right, version)).status == 0
    assert found == []
    assert left.clean() and right.clean()


@pytest.mark.parametrize("version", [4, 6])
def test_routes_rules_and_networks_of_the_host_that_compete(sides: tuple[Side, Side], version: int) -> None:
    left, right = sides
    for side in sides:
        networks = {"local_networks": [f"10.{side.number}.{side.number}.0/24", f"fd0{side.number}::/64"]}
        networks["remote_networks"] = [f"10.{3 - side.number}.{3 - side.number}.0/24", f"fd0{3 - side.number}::/64"]
        side.write("t", remote=outer(right if side is left else left, version), **networks)
    right.write("t", remote=outer(left, version), start="listen", local_networks=["10.2.2.0/24", "fd02::/64"],
                remote_networks=["10.1.1.0/24", "fd01::/64"])  # fmt: skip
    for line in (
        "route add 10.2.2.0/28 via 192.0.2.2",
        "rule add to 10.2.2.64/26 lookup 99 priority 100",
        "rule add from 10.1.1.1 lookup 99 priority 101",
        "route add default via 192.0.2.2 table 99",
        "address add 10.2.2.201/29 dev cable",
        "-6 route add fd02::/120 via 2001:db8::2",
        "-6 rule add to fd02::1:0/112 lookup 99 priority 100",
        "-6 route add default via 2001:db8::2 table 99",
        "-6 address add fd02::2:1/112 dev cable nodad",
    ):
        assert left.run("ip", *line.split()).status == 0, line
    targets4 = ("10.2.2.1", "10.2.2.7", "10.2.2.77", "10.2.2.202", "10.2.2.150")
    targets6 = ("fd02::1", "fd02::7", "fd02::1:7", "fd02::2:7", "fd02::5:7")
    found: list[str] = []
    with in_clear(right, found), right.daemon(), left.daemon():
        until(lambda: up(left, right), "the tunnel")
        for phase in ("up", "down"):
            spray(left, "10.1.1.1", *targets4)
            spray(left, "fd01::1", *targets6)
            if phase == "up":
                for source, target in (("10.1.1.1", "10.2.2.1"), ("fd01::1", "fd02::1")):
                    assert left.run("ping", "-c", "2", "-i", "0.1", "-I", source, target).status == 0
                assert left.ikevpn("down", "t").status == 0
    assert found == []
    assert left.clean() and right.clean()


def test_answers_of_ours_do_not_meet_our_own_block(sides: tuple[Side, Side]) -> None:
    """The peer calls from a network that is behind the tunnel; so does a stranger, who deserves an answer too."""
    left, right = sides
    left.write("t", local_networks=[left.outer], remote_networks=[right.outer])
    networks = {"local_networks": [right.outer], "remote_networks": ["192.0.2.0/29"]}
    for keys in ({}, {"binding": "route", "routes": ["192.0.2.0/29"]}):
        right.write("t", remote="192.0.2.0/29", start="listen", **networks, **keys)
        found: list[str] = []
        with in_clear(right, found), right.daemon(), left.daemon():
            until(lambda: up(left), "the tunnel")
            assert left.run("ping", "-c", "3", "-i", "0.1", right.outer).status == 0
        assert found == []
        assert left.clean() and right.clean()


def test_a_rule_that_goes_before_ours_is_said_by_up_status_log_and_check(sides: tuple[Side, Side]) -> None:
    left, right = sides
    right.write("t", start="listen")
    left.write("t", start="listen")
    sentence = (
        "10.2.2.64/26 {} in the clear by another route of this host: "
        "0.0.0.0/0 via 192.0.2.2 dev cable table 99, by the rule with preference 10"
    )
    says = sentence.format("leaves")
    for line in ("route add default via 192.0.2.2 table 99", "rule add to 10.2.2.64/26 lookup 99 priority 10"):
        assert left.run("ip", *line.split()).status == 0
    assert sentence.format("would leave") in left.ikevpn("check", "--host").out
    assert "would leave" not in left.ikevpn("check").out
    with right.daemon(), left.daemon():
        assert says in left.ikevpn("up", "t").err
        assert says in left.ikevpn("status").out and says in left.ikevpn("log", "t").out
        left.run("ip", "rule", "del", "priority", "10")
        until(lambda: not left.tunnel()["competing"], "what the daemon hears of the rule that is gone")
        left.run("ip", "rule", "add", "to", "10.2.2.64/26", "lookup", "99", "priority", "11")
        until(lambda: left.tunnel()["competing"], "what the daemon hears of a new one")
    left.run("ip", "address", "add", "10.2.2.201/29", "dev", "cable")
    assert "what this host sends to 10.2.2.200/29 goes into the tunnel" in left.ikevpn("check", "--host").out
