import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from ikevpn.dataplane.userspace.packet import mss
from ikevpn.dataplane.userspace.packet.mss import Limit
from tests.dataplane.traffic import checked, network, tcp, udp, versions

LIMIT = Limit(1300, 1280)
FILLER = st.sampled_from([("NOP", None), ("WScale", 7), ("SAckOK", b""), ("Timestamp", (1, 2))])


def syn(version: int, *options: tuple[str, object], flags: str = "S", data: bytes = b"", **ip: object) -> bytes:
    return tcp(version, data, flags=flags, options=list(options), **ip)


def largest(packet: bytes) -> int:
    parsed = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
    return int(dict(parsed[TCP].options)["MSS"])


@given(
    version=versions,
    asked=st.integers(0, 65535),
    before=st.lists(FILLER, max_size=3, unique_by=lambda option: option[0]),
    after=st.lists(FILLER, max_size=2, unique_by=lambda option: option[0]),
    data=st.binary(max_size=9),
    flags=st.sampled_from(["S", "SA", "SEC"]),
)
def test_the_smaller_of_both_and_all_else_as_it_was(version, asked, before, after, data, flags) -> None:
    def made(value: int) -> bytes:
        return syn(version, *before, ("MSS", value), *after, data=data, flags=flags)

    limit = LIMIT.ipv4 if version == 4 else LIMIT.ipv6
    clamped = mss.clamp(made(asked), LIMIT)
    assert clamped == made(min(asked, limit)) == checked(clamped)
    assert mss.may_open(made(asked))


def test_ip_options_in_front() -> None:
    packet = bytes(IP(src="10.1.1.1", dst="10.2.2.2", options=b"\x01" * 8) / TCP(flags="S", options=[("MSS", 1460)]))
    assert mss.may_open(packet)
    assert largest(mss.clamp(packet, LIMIT)) == 1300


@pytest.mark.parametrize(
    "packet",
    [
        syn(4, ("NOP", None)),
        syn(4),
        syn(4, ("MSS", 1460), flags="A"),
        syn(4, ("MSS", 1460), frag=5),
        udp(4, b"\0" * 13 + b"\x02" + bytes(20)),
        syn(4, ("MSS", 1460))[:39],
        bytes(network(4) / TCP(flags="S", dataofs=15)),
        bytes(network(4) / TCP(flags="S", dataofs=4, options=[("MSS", 1460)])),
        bytes(network(4) / TCP(flags="S", dataofs=6) / b"\x02\x05\x05\xb4"),  # longer than there is
        bytes(network(4) / TCP(flags="S", dataofs=6) / b"\x02\x03\x05\xb4"),  # too short for a size
        bytes(network(4) / TCP(flags="S", dataofs=6) / b"\x08\x00\x05\xb4"),  # no length
        bytes(network(4) / TCP(flags="S", dataofs=6) / b"\x01\x01\x01\x02"),  # no room for a length
        bytes(network(4) / TCP(flags="S", dataofs=7) / b"\x00\x00\x00\x00\x02\x04\x05\xb4"),  # behind the end
    ],
)
def test_what_is_not_clear_stays_as_it_is(packet: bytes) -> None:
    assert mss.clamp(packet, Limit(1, 1)) is packet


@given(st.binary(min_size=20, max_size=80), st.sampled_from([0x45, 0x46, 0x4F, 0x60]))
def test_any_octets(data: bytes, first: int) -> None:
    packet = bytes([first]) + data[1:]
    if first != 0x60 or len(packet) >= 40:
        assert len(mss.clamp(packet, LIMIT)) == len(packet)
        mss.may_open(packet)


def test_what_fits_without_options() -> None:
    assert Limit.of_packet(1400) == (1360, 1340)
    assert Limit.of_packet(30) == (1, 1)


@given(version=versions, flags=st.lists(st.sampled_from(["A", "S", "SA", "PA", "R"]), min_size=1, max_size=6))
def test_rows_are_asked_at_once(version: int, flags: list[str]) -> None:
    packets = [syn(version, ("MSS", 1460), flags=each) for each in flags]
    rows = np.frombuffer(b"".join(packets), np.uint8).reshape(len(packets), -1)
    assert mss.may_open_rows(rows) == any(
        mss.may_open(packet) and "S" in each for packet, each in zip(packets, flags, strict=True)
    )
    assert not mss.may_open_rows(np.frombuffer(udp(version, bytes(60)), np.uint8).reshape(1, -1))
