"""Frames to packets and back: what comes in runs is what comes singly."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.packet import frames, vnet
from ikevpn.dataplane.userspace.packet.frames import Packet
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.dataplane.userspace.packet.segment import Chain
from ikevpn.dataplane.userspace.packet.vnet import Offload
from tests.dataplane.traffic import checked, tcp, tcp_run, udp, udp_run, versions, whole


def unfinished(packet: bytes) -> bytes:
    """A frame whose checksum holds the pseudo header only."""
    version, protocol = packet[0] >> 4, packet[9] if packet[0] >> 4 == 4 else packet[6]
    start, offset = 20 if version == 4 else 40, 16 if protocol == 6 else 6
    header = vnet.write(Offload(vnet.NEEDS_CHECKSUM, vnet.NONE, 0, 0, start, offset))
    partial = frames.checksum.pseudo_header(packet, protocol, len(packet) - start).to_bytes(2, "little")
    return header + packet[: start + offset] + partial + packet[start + offset + 2 :]


def flat(packets: Sequence[Packet]) -> list[bytes]:
    found: list[bytes] = []
    for packet in packets:
        if isinstance(packet, bytes):
            found.append(packet)
        else:
            found += packet.split() if isinstance(packet, Chain) else list(packet)
    return found


@settings(deadline=None)
@given(versions, st.integers(0, 99), st.integers(1, 9), st.sampled_from([tcp, udp]))
def test_checksums_are_filled_in_alone_and_in_runs(version: int, size: int, count: int, kind: object) -> None:
    packets = [kind(version, bytes([n]) * size) for n in range(count)]  # type: ignore[operator]
    found, broken = frames.read([unfinished(packet) for packet in packets])
    assert (flat(found), broken) == (packets, 0)
    assert isinstance(found[0], Run) is (count >= 4)
    assert all(packet == checked(packet) for packet in flat(found))


def test_order_is_kept() -> None:
    small, large = udp_run(4, 5, 10), tcp(4, bytes(5000))
    packet, offload = whole(large, 1000)
    frame = vnet.write(offload) + packet
    found, broken = frames.read([vnet.PLAIN + b"one", *(vnet.PLAIN + each for each in small), frame, vnet.PLAIN + b"x"])
    assert [type(each) for each in found] == [bytes, Run, Chain, bytes]
    assert (flat(found)[:6], flat(found)[-1], broken) == ([b"one", *small], b"x", 0)


def test_large_packets_of_a_flow_make_a_chain() -> None:
    parts = [whole(tcp(4, bytes(5000), sequence=1 + n * 5000, id=n * 5), 1000) for n in range(3)]
    (chain,), broken = frames.read([vnet.write(offload) + packet for packet, offload in parts])
    assert isinstance(chain, Chain)
    assert (len(chain.parts), chain.whole, len(chain.split()), broken) == (3, 15, 15, 0)


@pytest.mark.parametrize("other", [True, False], ids=["another flow", "the same flow"])
@pytest.mark.parametrize("count", [1, 5], ids=["one", "a run"])
def test_large_packets_pass_small_ones_of_other_flows_only(other: bool, count: int) -> None:
    small = tcp(4, b"", dst="10.2.2.3") if other else tcp(4, b"", sequence=5001)
    parts = [whole(tcp(4, bytes(5000), sequence=1 + n * 5000, id=n * 5), 1000) for n in range(3)]
    large = [vnet.write(offload) + packet for packet, offload in parts]
    between = [vnet.PLAIN + small] * count
    found, broken = frames.read([large[0], *between, large[1], *between, large[2]])
    assert broken == 0
    assert [type(each) for each in found if isinstance(each, Chain)] == ([Chain] if other else [Chain, Chain, Chain])
    segments = [each for n in large for each in flat(frames.read([n])[0])]
    assert [each for each in flat(found) if each != small] == segments
    assert len(flat(found)) == len(segments) + 2 * count


@pytest.mark.parametrize(
    "frame", [b"", b"\0" * 9, vnet.PLAIN, vnet.write(Offload(1, vnet.TCP4, 0, 100, 20, 16)) + b"\x45" + bytes(10)]
)
def test_broken_frames_are_counted(frame: bytes) -> None:
    assert frames.read([frame] * 5 + [vnet.PLAIN + b"x"]) == ([b"x"], 5)


@given(st.lists(st.binary(max_size=80), max_size=12))
def test_nothing_raises(data: list[bytes]) -> None:
    found, broken = frames.read(data)
    assert len(found) + broken <= len(data)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=1, max_size=6))
def test_what_stands_in_rows_is_read_as_what_comes_in_a_list(parts: list[tuple[int, int]]) -> None:
    large, offload = whole(tcp(4, bytes(600)), 300)
    kinds = [
        b"\0" * 9,
        vnet.PLAIN + b"x",
        unfinished(udp(4, b"odd")),
        unfinished(udp(4, b"even")),
        unfinished(udp(6, bytes(31))),
        vnet.write(offload) + large,
    ]
    single = [kinds[kind] for kind, count in parts for _ in range(count)]
    rows = np.full((len(single), 700), 0xEE, np.uint8)
    for row, frame in zip(rows, single, strict=True):
        row[: len(frame)] = np.frombuffer(frame, np.uint8)
    listed, broken = frames.read(single)
    found = frames.read_rows(rows, list(map(len, single)))
    assert (flat(found[0]), found[1]) == (flat(listed), broken)
    assert list(map(type, found[0])) == list(map(type, listed))


def written(packets: Sequence[bytes]) -> list[tuple[bytes, int]]:
    return [(b"".join(pieces), count) for pieces, count in frames.write(packets, joins_udp=True)]


def test_what_belongs_together_goes_in_one_frame() -> None:
    packets = tcp_run(4, 5, 100)
    (((frame, count)),) = written(packets)
    assert (frame[:10] != vnet.PLAIN, count) == (True, 5)
    found, _ = frames.read([frame])
    assert flat(found) == packets
    assert written(Run.of(b"".join(packets), len(packets[0]))) == [(frame, 5)]


def test_few_and_different_packets_go_singly() -> None:
    packets = [b"a", *tcp_run(4, 3, 100), b"bb"]
    assert written(packets) == [(vnet.PLAIN + packet, 1) for packet in packets]


def test_udp_stays_apart_for_an_older_kernel() -> None:
    packets = [*udp_run(4, 5, 100), *tcp_run(4, 5, 100)]
    counts = [count for _, count in frames.write(packets, joins_udp=False)]
    assert counts == [1, 1, 1, 1, 1, 5]


@pytest.mark.parametrize("run", [tcp_run(4, 5, 100), tcp_run(6, 5, 99), udp_run(4, 5, 100), udp_run(6, 5, 99)])
def test_a_frame_can_be_taken_apart(run: list[bytes]) -> None:
    ((pieces, count),) = frames.write(run, joins_udp=True)
    assert count == 5
    assert frames.apart(pieces) == run
