"""Transport mode takes headers off and puts them back; checksums against scapy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from ikevpn.esp.packet.transport import Payload, restore, strip
from ikevpn.model.address import Endpoint
from tests.esp.samples import ipv4, ipv6, ports

ENDS = {4: ("198.51.100.7", "203.0.113.9"), 6: ("2001:db8:5::1", "2001:db8:6::2")}


def octets(version: int) -> tuple[bytes, bytes]:
    here, there = (Endpoint.of(address, 0).address.packed for address in ENDS[version])
    return here, there


@given(st.binary(max_size=3000), st.sampled_from((4, 6)), st.sampled_from((1, 6, 17, 47, 58)))
def test_what_is_taken_off_comes_back(data: bytes, version: int, protocol: int) -> None:
    here, there = ENDS[version]
    packet = (ipv4 if version == 4 else ipv6)(data, source=here, target=there, protocol=protocol)
    payload = strip(packet)
    assert payload == Payload(data, protocol)
    restored = restore(payload, *octets(version), mend=False)
    assert restored is not None and strip(restored) == payload
    read = (IP if version == 4 else IPv6)(restored)
    assert (read.src, read.dst) == (here, there)
    if version == 4:
        whole = IP(src=here, dst=there, id=0, flags="DF", proto=protocol, ttl=255) / Raw(data)
        assert bytes(whole.build()) == restored


@given(st.binary(min_size=1, max_size=1400), st.sampled_from((4, 6)), st.sampled_from((TCP, UDP)))
def test_checksums_are_mended_where_a_nat_was_on_the_way(data: bytes, version: int, kind: type) -> None:
    family, (here, there) = (IP if version == 4 else IPv6), ENDS[version]
    behind = family(src="10.0.0.5" if version == 4 else "fd00::5", dst=there) / kind(sport=1701, dport=1701) / Raw(data)
    payload = strip(bytes(behind))
    assert payload is not None
    expected = bytes((family(src=here, dst=there) / kind(sport=1701, dport=1701) / Raw(data)).build())
    restored = restore(payload, *octets(version), mend=True)
    assert restored is not None and strip(restored) == strip(expected)


@pytest.mark.parametrize(("version", "ecn"), [(4, 3), (4, 1), (6, 3), (6, 2)])
def test_congestion_marks_of_the_header_outside_stay(version: int, ecn: int) -> None:
    restored = restore(Payload(b"data", 99), *octets(version), mend=False, ecn=ecn)
    assert restored is not None
    assert (IP(restored).tos if version == 4 else IPv6(restored).tc) == ecn


def test_padding_behind_udp_is_taken_off() -> None:
    here, there = ENDS[4]
    expected = bytes((IP(src=here, dst=there) / UDP(sport=1701, dport=1701) / Raw(b"hello")).build())
    restored = restore(Payload(expected[20:] + bytes(40), 17), *octets(4), mend=True)
    assert restored is not None and restored[20:] == expected[20:]


def test_udp_without_a_checksum_stays_so() -> None:
    data = ports(1701, 1701, b"hello")
    bare = data[:4] + (len(data)).to_bytes(2, "big") + bytes(2) + data[8:]
    restored = restore(Payload(bare, 17), *octets(4), mend=True)
    assert restored is not None and restored[20:] == bare


@pytest.mark.parametrize(
    "packet",
    [
        ipv4(b"data", fragment=0x2000),
        ipv4(b"data", fragment=1),
        ipv4(b"data", options=bytes(4)),
        ipv6(b"\x11\0" + bytes(6), protocol=0),
        ipv6(b"\x11\0" + bytes(6), protocol=43),
        ipv6(b"\x11\0" + bytes(6), protocol=44),
        ipv6(b"\x11\0" + bytes(6), protocol=60),
        ipv4(b"data", claimed=99),
        b"",
    ],
)
def test_what_cannot_travel(packet: bytes) -> None:
    assert strip(packet) is None


def test_what_would_be_too_long_is_not_made() -> None:
    assert restore(Payload(bytes(65_516), 17), *octets(4), mend=False) is None
    assert restore(Payload(bytes(65_536), 17), *octets(6), mend=False) is None


@given(st.binary(max_size=80))
def test_any_octets_do(octets_: bytes) -> None:
    payload = strip(octets_)
    assert payload is None or restore(payload, *octets(4), mend=True) is not None
