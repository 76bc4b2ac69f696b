"""Nobody answers, and the network says why: the sentences, with nothing but a kernel on the other side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lacking import tool
from tests.net.daemons import Ended, Side, two_sides, until

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """No daemon on the right."""
    with two_sides(tmp_path_factory.mktemp("sides")) as both:
        yield both


def up(left: Side, *words: str, **keys: object) -> Ended:
    left.write("paris", **{"retransmit_s": 0.3, "retransmit_tries": 2, **keys})
    ended = left.ikevpn("up", "paris", *words)
    until(left.clean, "the end of the daemon that was started for the command")
    return ended


def first_line(ended: Ended) -> str:
    return ended.err.splitlines()[0]


@pytest.mark.parametrize("remote", ["192.0.2.2", "2001:db8::2"])
def test_nothing_listens_there(sides: tuple[Side, Side], remote: str) -> None:
    ended = up(sides[0], remote=remote)
    assert ended.status == 1
    assert "to main mode message 1 after 3 tries" in first_line(ended)
    assert first_line(ended).endswith(f"; {remote} says: nothing listens on UDP 500 there")
    assert "start the peer's IKE service" in ended.err
    assert f"{remote} answers with ICMP port-unreachable: nothing listens on UDP 500 there" in ended.out


def test_the_host_is_not_there(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], remote="192.0.2.77", retransmit_s=3, retransmit_tries=1)
    assert first_line(ended).endswith("; this host says: 192.0.2.77 cannot be reached")
    assert "is the peer switched on" in ended.err


def test_there_is_no_route_beyond(sides: tuple[Side, Side]) -> None:
    left, right = sides
    right.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    right.run("ip", "route", "replace", "unreachable", "198.51.100.0/24")
    ended = up(left, remote="198.51.100.9")
    assert first_line(ended).endswith("; 192.0.2.2 says: 198.51.100.9 cannot be reached")


def test_a_firewall_forbids_it(sides: tuple[Side, Side]) -> None:
    left, right = sides
    nft = tool("nft")
    rules = (
        "add table ip test",
        "add chain ip test in { type filter hook input priority 0 ; }",
        "add rule ip test in udp dport 500 reject with icmp type admin-prohibited",
    )
    assert right.run(nft, "; ".join(rules)).status == 0
    try:
        ended = up(left)
    finally:
        right.run(nft, "delete", "table", "ip", "test")
    assert first_line(ended).endswith("; 192.0.2.2 says: it is forbidden to send UDP 500 to 192.0.2.2")
    assert "a firewall at 192.0.2.2 rejects it" in ended.err


def test_who_stops_waiting_hears_the_same(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], "--timeout", "2", retransmit_s=30)
    assert ended.status == 5
    assert "the last step was: 192.0.2.2 answers with ICMP port-unreachable" in first_line(ended)
    assert "start the peer's IKE service" in ended.err and "leave `--timeout` out" in ended.err
