"""What leaves a socket, seen by one that reads it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from ikevpn.dataplane.userspace.io import outer_fields, udp
from ikevpn.dataplane.userspace.io.outer import Outer
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.marking import PLAIN, Mark
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_IP_MTU_DISCOVER, _PROBE, _OMIT = 10, 3, 5
_SO_NO_CHECK = 11
_IP_RECVTTL, _IPV6_RECVHOPLIMIT = 12, socket.IPV6_RECVHOPLIMIT


class Lab:
    def __init__(self, version: int) -> None:
        address = LOOPBACK[version]
        self.near, self.far = (udp.open_socket(Endpoint.of(address, 0)) for _ in range(2))
        ports = [end.getsockname()[1] for end in (self.near, self.far)]
        self.path = Path(Endpoint.of(address, ports[0]), Endpoint.of(address, ports[1]), Encapsulation.UDP)
        self.stats = Stats()
        self.outer = Outer(self.stats)
        self.outer.use_udp(self.path.local, self.near)
        self.receiver = udp.PktinfoReceiver(self.far, self.path.remote, Encapsulation.UDP)
        self.version = version

    def ttl(self) -> int:
        """Of the next datagram."""
        level, option, kind = (
            (socket.IPPROTO_IP, _IP_RECVTTL, socket.IP_TTL)
            if self.version == 4
            else (socket.IPPROTO_IPV6, _IPV6_RECVHOPLIMIT, socket.IPV6_HOPLIMIT)
        )
        self.far.setsockopt(level, option, 1)
        self.outer.send(self.path, [b"x"], Mark(ttl=9))
        _, ancillary, _, _ = self.far.recvmsg(9, 200)
        return next(content[0] for found, each, content in ancillary if (found, each) == (level, kind))


@pytest.fixture(params=[4, 6])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    made = Lab(request.param)
    with made.near, made.far:
        yield made


@pytest.mark.parametrize("mark", range(4))
def test_congestion_marks_go_and_come(lab: Lab, mark: int) -> None:
    lab.outer.send(lab.path, [b"x", b"yy"], Mark(tos=46 << 2 | mark))
    (arrival,) = lab.receiver.read_batch(9)
    assert (list(arrival.datagrams), arrival.ecn) == ([b"x", b"yy"], mark)


def test_also_where_datagrams_come_together_and_the_way_is_the_same_object(lab: Lab) -> None:
    for mark in (0, 3, 3, 1):
        lab.outer.send(lab.path, [b"ab"] * 4, Mark(tos=mark))
    arrivals = lab.receiver.read_batch(99)
    assert [(len(arrival.datagrams), arrival.ecn) for arrival in arrivals] == [(4, 0), (8, 3), (4, 1)]
    assert len({id(arrival.path) for arrival in arrivals}) == 1


def test_ttl(lab: Lab) -> None:
    assert lab.ttl() == 9


def test_df_changes_when_it_has_to() -> None:
    lab = Lab(4)
    with lab.near, lab.far:
        found = []
        for mark in (PLAIN, Mark(df=True), Mark(df=True), PLAIN):
            lab.outer.send(lab.path, [b"x"], mark)
            found.append(lab.near.getsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER))
        assert found == [_OMIT, _PROBE, _PROBE, _OMIT]


def test_the_checksum_of_udp_changes_when_it_has_to_and_nothing_is_cut_without() -> None:
    lab = Lab(4)
    with lab.near, lab.far:
        found = []
        for mark in (PLAIN, Mark(checksum=False), Mark(checksum=False, df=True), PLAIN):
            lab.outer.send(lab.path, [b"ab"] * 4, mark)
            found.append(lab.near.getsockopt(socket.SOL_SOCKET, _SO_NO_CHECK))
            assert sum(len(arrival.datagrams) for arrival in lab.receiver.read_batch(99)) == 4
        assert found == [0, 1, 1, 0]
        assert lab.stats.report() == {}


def test_ipv6_always_has_a_checksum() -> None:
    lab = Lab(6)
    with lab.near, lab.far:
        lab.outer.send(lab.path, [b"ab"] * 4, Mark(checksum=False))
        assert not lab.near.getsockopt(socket.SOL_SOCKET, _SO_NO_CHECK)
        assert lab.stats.report() == {}


@pytest.mark.root
def test_no_checksum_is_on_the_wire() -> None:
    lab = Lab(4)
    with lab.near, lab.far, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as wire:
        wire.bind((str(lab.path.remote.address), 0))
        wire.settimeout(10)
        for mark, summed in ((PLAIN, True), (Mark(checksum=False), False), (PLAIN, True)):
            lab.outer.send_one(lab.path, b"x", mark)
            while (packet := wire.recv(2048))[22:24] != lab.path.remote.port.to_bytes(2, "big"):
                pass
            assert (packet[26:28] != bytes(2)) is summed


def test_a_lent_socket_keeps_its_options() -> None:
    lab = Lab(4)
    with lab.near, lab.far:
        lab.outer.drop_udp(lab.path.local)
        lab.outer.use_udp(lab.path.local, lab.near, lent=True)
        lab.outer.send(lab.path, [b"x"], Mark(df=True))
        assert lab.near.getsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER) == _OMIT


def test_what_a_route_takes(lab: Lab) -> None:
    assert lab.outer.mtu(lab.path) == outer_fields.USUAL_MTU  # nobody to ask
    with outer_fields.open_probe(lab.version) as probe:
        lab.outer.use_probe(lab.version, probe)
        assert lab.outer.mtu(lab.path) in (65_535, 65_536)  # of loopback
        assert outer_fields.route_mtu(probe, ip_address(LOOPBACK[10 - lab.version])) == outer_fields.USUAL_MTU


def test_nothing_is_written_for_what_is_usual() -> None:
    for version in (4, 6):
        assert outer_fields.write(version, Mark(df=True)) == []
        assert len(outer_fields.write(version, Mark(tos=1, ttl=9))) == 2
    assert outer_fields.read([]) == 0
