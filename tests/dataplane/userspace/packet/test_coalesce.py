"""Together only where the kernel would, and cut again into what came."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from ikevpn.dataplane.userspace.packet import segment, vnet
from ikevpn.dataplane.userspace.packet.coalesce import Frame, coalesce
from tests.dataplane.traffic import TIMESTAMP, checked, segments, tcp, tcp_run, udp, udp_run, versions


def rows(packets: Sequence[bytes]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(packets), np.uint8).reshape(len(packets), -1)


def frames(packets: Sequence[bytes], tail: bytes = b"") -> list[Frame]:
    found = list(coalesce(rows(packets), tail, joins_udp=True))
    assert b"".join(packet for frame in found for packet in cut(frame)) == b"".join(packets) + tail
    return found


def cut(frame: Frame) -> list[bytes]:
    """What the kernel would make of a frame."""
    packet, offload = b"".join(frame.pieces), vnet.read(frame.header)
    if offload.kind == vnet.NONE:
        assert frame.header == vnet.PLAIN
        return [packet]
    assert offload.flags == vnet.NEEDS_CHECKSUM
    found = segment.plan(packet, offload)
    assert found is not None
    packets = segment.split(found)
    assert len(packets) == frame.packets > 1
    return packets


def counts(packets: Sequence[bytes]) -> list[int]:
    return [frame.packets for frame in frames(packets)]


@settings(deadline=None, max_examples=40)
@given(versions, st.integers(2, 20), segments, st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1))
def test_a_stream_is_put_together(version: int, count: int, size: int, first: int, identifier: int) -> None:
    most = (65_535 - 72) // size
    packets = tcp_run(version, count, size, first=first, identifier=identifier)
    assert counts(packets)[0] == min(count, most)
    datagrams = udp_run(version, count, size, identifier=identifier)
    assert counts(datagrams)[0] == min(count, (65_535 - 48) // size, 64)


@pytest.mark.parametrize("version", [4, 6])
def test_a_frame_is_no_longer_than_an_ip_packet(version: int) -> None:
    assert counts(tcp_run(version, 60, 1328)) == [49, 11]
    assert counts(udp_run(version, 100, 64)) == [64, 36]


@pytest.mark.parametrize("version", [4, 6])
def test_the_offload_says_how_to_cut(version: int) -> None:
    (frame,) = frames(tcp_run(version, 3, 100))
    offload = vnet.read(frame.header)
    transport = 20 if version == 4 else 40
    kind = vnet.TCP4 if version == 4 else vnet.TCP6
    assert offload == (vnet.NEEDS_CHECKSUM, kind, transport + 32, 100, transport, 16)
    (frame,) = frames(udp_run(version, 3, 100))
    assert vnet.read(frame.header) == (vnet.NEEDS_CHECKSUM, vnet.UDP, transport + 8, 100, transport, 6)


CHANGES: dict[str, dict[str, object]] = {
    "ttl": {"ttl": 63},
    "dscp": {"tos": 4},
    "ecn": {"tos": 1},
    "source": {"src": "10.1.1.9"},
    "may-fragment": {"flags": 0},
    "id": {"id": 7},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_ip_header_stands_alone(name: str) -> None:
    packets = udp_run(4, 5, 100)
    packets[2] = udp(4, bytes(100), **{"id": 1002, **CHANGES[name]})
    assert counts(packets) == [2, 1, 2]


TRANSPORTS = ["ack", "window", "sport", "dport", "seq", "reserved", "urgptr"]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("field", TRANSPORTS)
def test_another_tcp_header_stands_alone(version: int, field: str) -> None:
    packets = tcp_run(version, 5, 100)
    packets[2] = changed(packets[2], field, 5)
    assert counts(packets) == [2, 1, 2]


def changed(packet: bytes, field: str, value: object) -> bytes:
    parsed = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
    setattr(parsed[TCP], field, value)
    return checked(bytes(parsed))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("PA", [3, 2]), ("FA", [3, 2]), ("SA", [2, 1, 2]), ("RA", [2, 1, 2]), ("UA", [2, 1, 2]), ("CA", [2, 1, 2]),
     ("EA", [2, 1, 2])],
)  # fmt: skip
def test_flags(flags: str, expected: list[int]) -> None:
    packets = tcp_run(4, 5, 100)
    packets[2] = changed(packets[2], "flags", flags)
    assert counts(packets) == expected


def test_other_options_stand_alone() -> None:
    packets = tcp_run(4, 5, 100)
    packets[2] = changed(packets[2], "options", [*TIMESTAMP[:2], ("Timestamp", (8, 9))])
    assert counts(packets) == [2, 1, 2]


@settings(deadline=None)
@given(versions, st.sampled_from([tcp_run, udp_run]), st.data())
def test_a_wrong_octet_is_never_made_right(version: int, kind: object, data: st.DataObject) -> None:
    packets = kind(version, 5, 33)  # type: ignore[operator]
    spoilt = bytearray(packets[2])
    # The traffic class, flow label and hop limit of IPv6 have no checksum.
    uncovered = {0, 1, 2, 3, 7} if version == 6 else set()
    at = data.draw(st.sampled_from([at for at in range(1, len(spoilt)) if at not in uncovered]))
    spoilt[at] ^= data.draw(st.integers(1, 255))
    packets[2] = bytes(spoilt)
    assert counts(packets)[:2] == [2, 1]
    assert sum(counts(packets)) == 5


def test_no_udp_checksum_no_company() -> None:
    packets = udp_run(4, 4, 100)
    bare = bytearray(packets[1])
    bare[26:28] = bytes(2)
    packets[1] = bytes(bare)
    assert counts(packets) == [1, 1, 2]


def test_ids_of_atomic_datagrams_may_stand_still() -> None:
    packets = [udp(4, bytes(100), id=0) for _ in range(4)]
    assert [frame.packets for frame in coalesce(rows(packets), joins_udp=True)] == [4]
    packets = [udp(4, bytes(100), id=0, flags=0) for _ in range(4)]
    assert counts(packets) == [1, 1, 1, 1]


def test_acknowledgements_without_data_stay_single() -> None:
    assert counts([tcp(4, b"", id=n) for n in range(4)]) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "packet",
    [
        tcp(4, bytes(100), flags="A", frag=1),
        bytes(IP(src="10.1.1.1", dst="10.2.2.2", options=b"\1\1\1\0") / UDP() / bytes(100)),
        bytes(IP(src="10.1.1.1", dst="10.2.2.2", proto=1) / bytes(100)),
        bytes(IP(src="10.1.1.1", dst="10.2.2.2", proto=6) / bytes(10)),
        bytes(IP(src="10.1.1.1", dst="10.2.2.2", proto=6) / bytes(100)),
        bytes(IPv6(src="fd01::1", dst="fd02::2", nh=44) / bytes(100)),
        b"\x99" * 60,
        b"\x45",
    ],
)
def test_all_else_stays_single(packet: bytes) -> None:
    assert counts([packet] * 4) == [1, 1, 1, 1]


def test_a_shorter_last_one_goes_behind() -> None:
    assert [frame.packets for frame in frames(tcp_run(4, 3, 100), b"tail")] == [3, 1]


@settings(deadline=None)
@given(st.integers(2, 8), st.integers(20, 100), st.data())
def test_anything_comes_out_as_it_went_in(count: int, size: int, data: st.DataObject) -> None:
    frames([data.draw(st.binary(min_size=size, max_size=size)) for _ in range(count)])


def test_a_checksum_of_another_flow_is_not_made_right() -> None:
    """Packets of another source whose checksums hold for the source of the packet before them."""
    first, *others = udp_run(4, 4, 100)
    forged = []
    for packet in others:
        parsed = IP(packet)
        right = parsed[UDP].chksum
        parsed.src, parsed.chksum = "10.1.1.99", None
        parsed[UDP].chksum = right
        forged.append(bytes(parsed))
    assert counts([first, *forged]) == [1, 1, 1, 1]


def test_flows_of_one_size_are_each_put_together() -> None:
    udp_packets, tcp_packets = udp_run(4, 3, 124), tcp_run(4, 3, 100)
    assert counts([*udp_packets, *tcp_packets, *udp_packets]) == [3, 3, 3]


def test_headers_of_another_length_stand_alone() -> None:
    """Their sequence numbers follow each other as if their headers were as long as that of the first."""
    first = tcp(4, bytes(112), options=[])
    others = [tcp(4, bytes(100), sequence=500 + 112 * n, id=1001 + n) for n in range(3)]
    assert counts([first, *others]) == [1, 1, 1, 1]
