"""The answers, as scapy reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, ICMPerror, IPerror, TCPerror
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)
from scapy.packet import Raw

from ikevpn.dataplane.userspace.packet import too_big
from ikevpn.dataplane.userspace.packet.too_big import MOST_ANSWERS, SILENCE_S, Answers, answer
from tests.dataplane.traffic import network, tcp, udp


@given(size=st.integers(1, 3000), mtu=st.integers(68, 9000))
def test_fragmentation_needed(size: int, mtu: int) -> None:
    packet = tcp(4, bytes(size))
    made = answer(packet, mtu)
    assert made is not None and len(made) <= 576
    parsed = IP(made)
    assert (parsed.src, parsed.dst) == ("10.2.2.2", "10.1.1.1")
    assert (parsed[ICMP].type, parsed[ICMP].code, parsed[ICMP].nexthopmtu) == (3, 4, mtu)
    assert made[28:] == packet[:548]
    assert parsed[TCPerror].sport == 5001 and parsed[IPerror].dst == "10.2.2.2"
    del parsed.chksum, parsed.len, parsed[ICMP].chksum
    assert bytes(parsed) == made


@given(size=st.integers(1, 3000), mtu=st.integers(68, 9000))
def test_packet_too_big(size: int, mtu: int) -> None:
    packet = udp(6, bytes(size))
    made = answer(packet, mtu)
    assert made is not None and len(made) <= 1280
    parsed = IPv6(made)
    assert (parsed.src, parsed.dst) == ("fd02::2", "fd01::1")
    assert (parsed[ICMPv6PacketTooBig].code, parsed[ICMPv6PacketTooBig].mtu) == (0, max(mtu, 1280))
    assert made[48:] == packet[:1232]
    del parsed.plen, parsed[ICMPv6PacketTooBig].cksum
    assert bytes(parsed) == made


def ping(**ip: object) -> bytes:
    return bytes(network(4, **ip) / ICMP(type=8) / Raw(bytes(20)))


@pytest.mark.parametrize(
    "packet",
    [
        bytes(network(4) / ICMP(type=3, code=4) / ICMPerror()),
        bytes(network(4) / ICMP(type=11)),
        udp(4, b"x", src="0.0.0.0"),
        udp(4, b"x", src="127.0.0.1"),
        udp(4, b"x", src="224.0.0.1"),
        udp(4, b"x", dst="224.0.0.1"),
        udp(4, b"x", dst="255.255.255.255"),
        udp(4, b"x", frag=3, flags=0),
        bytes(19),
        udp(6, b"x", src="::"),
        udp(6, b"x", src="ff02::1"),
        udp(6, b"x", dst="ff02::1"),
        bytes(network(6) / ICMPv6DestUnreach() / Raw(bytes(40))),
        bytes(network(6) / IPv6ExtHdrHopByHop() / ICMPv6EchoRequest()),
        bytes(network(6) / IPv6ExtHdrFragment(offset=1) / Raw(bytes(40))),
    ],
)
def test_who_is_not_answered(packet: bytes) -> None:
    assert answer(packet, 1300) is None


def test_questions_are_answered() -> None:
    assert answer(ping(), 1300) is not None
    assert answer(ping(src="192.168.1.1"), 1300) is not None
    assert answer(bytes(network(6) / ICMPv6EchoRequest()), 1300) is not None
    assert answer(bytes(network(6) / IPv6ExtHdrFragment(m=1) / UDP() / Raw(bytes(40))), 1300) is not None
    assert answer(bytes(network(4, flags="MF") / TCP()), 1300) is not None


def test_a_pair_of_hosts_is_told_once_in_a_while() -> None:
    answers = Answers()
    assert answers.make(ping(), 1300, 1.0)
    assert answers.make(tcp(4, b"x"), 1300, 1.0) is None
    assert answers.make(ping(dst="10.2.2.3"), 1300, 1.0)
    assert answers.make(ping(), 1300, 1.0 + SILENCE_S)


def test_answers_are_bounded() -> None:
    answers = Answers()
    made = [answers.make(ping(dst=f"10.3.0.{n}"), 1300, 1.0) for n in range(MOST_ANSWERS + 5)]
    assert sum(each is not None for each in made) == MOST_ANSWERS
    assert answers.make(ping(), 1300, 1.0 + too_big.SILENCE_S)


def test_who_is_not_answered_takes_no_place() -> None:
    answers = Answers()
    assert answers.make(bytes(network(4) / ICMP(type=11)), 1300, 1.0) is None
    assert answers.make(ping(), 1300, 1.0)
