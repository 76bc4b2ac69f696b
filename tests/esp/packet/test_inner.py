"""Flows of hand-made and scapy-made packets; broken ones are None and nothing ever raises."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.sctp import SCTP
from scapy.packet import Packet, Raw

from ikevpn.esp.packet.inner import Flow, lane_key, packet_size, plain_key, read_flow
from tests.esp import samples

FOUR = (ip_address("10.1.1.1").packed, ip_address("10.2.2.2").packed)
SIX = (ip_address("2001:db8::1").packed, ip_address("2001:db8:2::2").packed)

IP4 = IP(src="10.1.1.1", dst="10.2.2.2")
IP6 = IPv6(src="2001:db8::1", dst="2001:db8:2::2")
PADDED = [PadN(optdata=b"\0" * 4)]


@pytest.mark.parametrize(
    ("packet", "flow"),
    [
        (IP4 / TCP(sport=1234, dport=80), Flow(4, *FOUR, 6, 1234, 80)),
        (IP4 / UDP(sport=53, dport=65535), Flow(4, *FOUR, 17, 53, 65535)),
        (IP4 / SCTP(sport=7, dport=9), Flow(4, *FOUR, 132, 7, 9)),
        (IP4 / ICMP(), Flow(4, *FOUR, 1)),
        (IP(src="10.1.1.1", dst="10.2.2.2", proto=47) / Raw(b"gre"), Flow(4, *FOUR, 47)),
        (IP(src="10.1.1.1", dst="10.2.2.2", proto=253), Flow(4, *FOUR, 253)),
        (
            IP(src="10.1.1.1", dst="10.2.2.2", options=b"\x94\x04\x00\x00" * 10) / UDP(sport=1, dport=2),
            Flow(4, *FOUR, 17, 1, 2),
        ),
        (IP6 / TCP(sport=1234, dport=80), Flow(6, *SIX, 6, 1234, 80)),
        (IP6 / IPv6ExtHdrHopByHop(options=PADDED) / UDP(sport=1, dport=2), Flow(6, *SIX, 17, 1, 2)),
        (
            IP6
            / IPv6ExtHdrHopByHop(options=PADDED)
            / IPv6ExtHdrDestOpt(options=PADDED)
            / IPv6ExtHdrRouting(addresses=["2001:db8::9", "2001:db8::8"])
            / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 30)])
            / TCP(sport=5, dport=6),
            Flow(6, *SIX, 6, 5, 6),
        ),
        (IP6 / IPv6ExtHdrFragment(offset=0, m=1) / UDP(sport=1, dport=2) / Raw(bytes(16)), Flow(6, *SIX, 17, 1, 2)),
        (IP6 / IPv6ExtHdrFragment(offset=0, m=0) / UDP(sport=1, dport=2), Flow(6, *SIX, 17, 1, 2)),
        (IP6 / IPv6ExtHdrFragment(offset=3, m=1, nh=17) / Raw(bytes(16)), Flow(6, *SIX, 17, fragment=True)),
        (IP6 / IPv6ExtHdrFragment(offset=8191, m=0, nh=6) / Raw(bytes(3)), Flow(6, *SIX, 6, fragment=True)),
        (IPv6(src="2001:db8::1", dst="2001:db8:2::2", nh=59), Flow(6, *SIX, 59)),
    ],
    ids=lambda value: value.summary()[:40] if isinstance(value, Packet) else "",
)
def test_flows_of_scapy_packets(packet: Packet, flow: Flow) -> None:
    octets = bytes(packet)
    assert read_flow(octets) == flow
    assert read_flow(memoryview(octets)) == flow
    assert packet_size(octets) == len(octets)


@pytest.mark.parametrize("fragment", [0x2001, 0x0001, 0x1FFB, 0x3FFB, 0x0100])
def test_later_fragments_have_no_ports(fragment: int) -> None:
    flow = read_flow(samples.ipv4(samples.ports(1, 2), fragment=fragment))
    assert flow == Flow(4, *FOUR, 17, 0, 0, fragment=True)


def test_a_fragment_behind_the_end_of_every_datagram_is_broken() -> None:
    assert read_flow(samples.ipv4(bytes(8), fragment=0x1FFC)) is not None
    assert read_flow(samples.ipv4(bytes(16), fragment=0x1FFC)) is None


@pytest.mark.parametrize("fragment", [0x0000, 0x2000, 0x4000])
def test_first_fragments_have_ports(fragment: int) -> None:
    assert read_flow(samples.ipv4(samples.ports(1, 2), fragment=fragment)) == Flow(4, *FOUR, 17, 1, 2)


BROKEN = {
    "empty": b"",
    "one octet": b"\x45",
    "version 5": b"\x55" + samples.ipv4(samples.ports(1, 2))[1:],
    "version 0": bytes(60),
    "header shorter than 20": b"\x44" + samples.ipv4(samples.ports(1, 2))[1:],
    "header longer than the packet": b"\x4f" + samples.ipv4(samples.ports(1, 2))[1:],
    "claims more than there is": samples.ipv4(samples.ports(1, 2), claimed=100),
    "claims less than its header": samples.ipv4(samples.ports(1, 2), claimed=19),
    "cut before its ports": samples.ipv4(b"\0\1\0"),
    "claims to end before its ports": samples.ipv4(samples.ports(1, 2), claimed=22),
    "first fragment without ports": samples.ipv4(b"\0\1", fragment=0x2000),
    "v6 cut in its header": samples.ipv6()[:39],
    "v6 claims more than there is": samples.ipv6(samples.ports(1, 2), claimed=100),
    "v6 cut before its ports": samples.ipv6(b"\0\1\0"),
    "v6 extension beyond the end": samples.ipv6(b"\x11\xff" + bytes(6), protocol=0),
    "v6 extension that is cut": samples.ipv6(b"\x11\x00\x00", protocol=60),
    "v6 extension behind the end": samples.ipv6(b"\x3b\x01" + bytes(6), protocol=60),
    "v6 fragment header that is cut": samples.ipv6(b"\x11\x00\x00\x00", protocol=44),
    "v6 extensions without end": samples.ipv6(b"\x3c\x00" + bytes(6) + (b"\x3c\x00" + bytes(6)) * 100, protocol=60),
}


@pytest.mark.parametrize("packet", BROKEN.values(), ids=BROKEN.keys())
def test_broken_packets_are_none(packet: bytes) -> None:
    assert read_flow(packet) is None


@given(st.binary(max_size=200))
def test_reading_is_total(packet: bytes) -> None:
    for version in (packet, b"\x45" + packet, b"\x60" + packet):
        flow = read_flow(version)
        assert flow is None or len(flow.source) in {4, 16}
        assert flow is None or packet_size(version) is not None


@given(st.sampled_from([0, 43, 44, 60, 6, 17]), st.binary(max_size=120))
def test_reading_is_total_behind_extension_headers(protocol: int, payload: bytes) -> None:
    read_flow(samples.ipv6(payload, protocol=protocol))


def test_what_stands_behind_the_claimed_length_is_not_read() -> None:
    assert packet_size(samples.ipv4(b"12345678", claimed=24)) == 24
    assert packet_size(samples.ipv6(b"12345678", claimed=3)) == 43


def test_addresses() -> None:
    flow = read_flow(samples.ipv4(samples.ports(1, 2)))
    assert flow is not None
    assert (str(ip_address(flow.source)), str(ip_address(flow.target))) == ("10.1.1.1", "10.2.2.2")
    six = read_flow(samples.ipv6(samples.ports(1, 2)))
    assert six is not None
    assert str(ip_address(six.source)) == "2001:db8::1"


_ENDS = st.lists(st.sampled_from([0, 1, 7]), min_size=4, max_size=4)


def _between(version: int, protocol: int, ends: list[int]) -> bytes:
    """A packet between two hosts, and the ports of two services where the protocol has any."""
    source, target, *ports = ends
    payload = bytes((0, ports[0], 0, ports[1], *bytes(8)))
    if version == 4:
        return samples.ipv4(payload, source=f"10.0.0.{source}", target=f"10.0.1.{target}", protocol=protocol)
    return samples.ipv6(payload, source=f"fd00::{source}", target=f"fd01::{target}", protocol=protocol)


@given(st.sampled_from([4, 6]), st.sampled_from([1, 6, 17, 47, 50, 58, 132]), _ENDS, _ENDS)
def test_one_plain_key_one_flow(version: int, protocol: int, first: list[int], second: list[int]) -> None:
    keys = []
    for ends in (first, second):
        packet = _between(version, protocol, ends)
        keys.append((plain_key(packet), read_flow(packet)))
    (one, flow), (other, other_flow) = keys
    assert (one is None) == (protocol not in (1, 6, 17, 47, 58))
    assert one is None or (one == other) == (flow == other_flow)


@given(st.sampled_from([4, 6]), st.sampled_from([1, 6, 17, 47, 50, 58, 132]), _ENDS, _ENDS, st.integers(0, 3))
def test_one_lane_one_flow(version: int, protocol: int, first: list[int], second: list[int], more: int) -> None:
    keys = []
    for ends in (first, second):
        packet = _between(version, protocol, ends)
        assert lane_key(packet + bytes(more)) is None or not more
        assert lane_key(packet[:-1]) is None
        assert (lane_key(packet) is None) == (plain_key(packet) is None)
        keys.append((lane_key(packet), plain_key(packet)))
    (one, flow), (other, other_flow) = keys
    assert (one == other) == (flow == other_flow)


@pytest.mark.parametrize("at", [1, 6])
def test_a_lane_has_one_class_and_one_set_of_flags(at: int) -> None:
    packet = bytearray(samples.ipv4(samples.ports(1, 2)))
    before = lane_key(bytes(packet))
    packet[at] ^= 0x40
    assert before is not None and lane_key(bytes(packet)) not in (None, before)


@given(st.binary(max_size=60))
def test_looking_for_a_lane_is_total(packet: bytes) -> None:
    assert lane_key(packet) is None or plain_key(packet) is not None
