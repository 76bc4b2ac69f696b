"""Packets that the kernel left whole: cut one by one as scapy would make them, and in rows the same."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Raw

from ikevpn.dataplane.userspace.packet import vnet
from ikevpn.dataplane.userspace.packet.segment import Chain, plan, split
from ikevpn.dataplane.userspace.packet.vnet import Offload
from tests.dataplane.traffic import (
    TIMESTAMP,
    checked,
    network,
    segments,
    split_sizes,
    tcp,
    udp,
    versions,
    whole,
)

relaxed = settings(max_examples=60, deadline=None)
payloads = st.one_of(st.integers(1, 300), st.integers(1, 65_000))
flags = st.sampled_from(["A", "PA", "FPA", "CA", "CPEA"])
options = st.sampled_from([[], TIMESTAMP, [("NOP", None)] * 40])
numbers = st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 3000, 2**32 - 1))
identifiers = st.one_of(st.integers(0, 2**16 - 1), st.integers(2**16 - 20, 2**16 - 1))


def data(size: int) -> bytes:
    return bytes(np.arange(size, dtype=np.uint32).astype(np.uint8))


def rows_of(chain: Chain) -> list[bytes]:
    """The full segments as `write_rows` makes them, in rows with some room behind."""
    width = (chain.size + 5) & ~1
    rows = np.full((chain.whole, width), 0xAA, np.uint8)
    if chain.whole:
        chain.write_rows(rows)
    last = chain.tail()
    return [row[: chain.size].tobytes() for row in rows] + ([last] if last else [])


def cut(packet: bytes, segment: int) -> list[bytes]:
    found = plan(*whole(packet, segment))
    assert found is not None
    one_by_one = split(found)
    assert rows_of(Chain(found)) == one_by_one == Chain(found).split()
    return one_by_one


@relaxed
@given(versions, payloads, segments, flags, options, numbers, identifiers)
def test_tcp(
    version: int, size: int, segment: int, flags: str, options: object, sequence: int, identifier: int
) -> None:
    segment = max(segment, -(-size // 500))
    fields = {"id": identifier} if version == 4 else {}
    packet = tcp(version, data(size), sequence=sequence, flags=flags, options=options, **fields)
    found = cut(packet, segment)
    header = len(packet) - size
    assert b"".join(each[header:] for each in found) == data(size)
    for index, each in enumerate(found):
        assert each == checked(each)
        parsed = (IP if version == 4 else IPv6)(each)
        assert parsed[TCP].seq == (sequence + index * segment) % 2**32
        kept = set(flags) - (set() if index == 0 else {"C"}) - (set() if index == len(found) - 1 else set("FP"))
        assert set(str(parsed[TCP].flags)) == kept
        if version == 4:
            assert parsed.id == (identifier + index) % 2**16


@relaxed
@given(versions, payloads, segments, identifiers)
def test_udp(version: int, size: int, segment: int, identifier: int) -> None:
    segment = max(segment, -(-size // 500))
    packet = udp(version, data(size), **({"id": identifier} if version == 4 else {}))
    found = cut(packet, segment)
    assert [len(each) for each in found] == [len(packet) - size + part for part in split_sizes(size, segment)]
    assert all(each == checked(each) for each in found)


def test_options_of_ipv4_and_extensions_of_ipv6_stay() -> None:
    inner = TCP(sport=1, dport=2, flags="A") / Raw(data(5000))
    four = bytes(network(4, options=b"\x01\x01\x01\x00") / inner)
    six = bytes(network(6) / IPv6ExtHdrDestOpt() / inner)
    for packet in (four, six):
        found = cut(packet, 1000)
        assert len(found) == 5
        assert all(each == checked(each) for each in found)


def test_a_udp_checksum_of_zero_is_sent_as_ones() -> None:
    for n in range(2**16):
        packet = udp(4, n.to_bytes(2, "big") * 2)
        if packet[26:28] == b"\xff\xff":
            break
    assert [each[26:28] for each in cut(packet, 4)] == [b"\xff\xff"]


def parts(packet: bytes, segment: int = 100) -> Chain:
    found = plan(*whole(packet, segment))
    assert found is not None
    return Chain(found)


def test_segments_of_a_chain_are_alike() -> None:
    even, uneven = tcp(4, data(1000)), tcp(4, data(1050), sequence=1001, id=1010)
    chain = parts(even)
    assert chain.extend(parts(uneven).parts[0])
    assert rows_of(chain) == chain.split() == [*parts(even).split(), *parts(uneven).split()]
    assert not chain.extend(parts(even).parts[0]), "nothing follows a shorter segment"
    others = (tcp(4, data(1000), options=[]), tcp(4, data(1000), ttl=63), udp(4, data(1000)))
    for other in (parts(even, 99), *map(parts, others)):
        assert not parts(even).extend(other.parts[0])


@given(st.lists(st.sampled_from(["10.9.9.9", "10.9.9.10", "10.9.9.11"]), min_size=1, max_size=6))
def test_a_chain_of_several_flows_comes_apart(sources: list[str]) -> None:
    chains = [parts(tcp(4, data(1000), src=source, sequence=n, id=n)) for n, source in enumerate(sources)]
    chain = Chain(chains[0].parts[0])
    assert all(chain.extend(other.parts[0]) for other in chains[1:])
    assert rows_of(chain) == chain.split() == [packet for each in chains for packet in each.split()]
    assert list(chain.flows.values()) == [each.parts[0].packet for each in chain.apart()]
    for source, flow in zip(dict.fromkeys(sources), chain.apart(), strict=True):
        alone = [each for other, each in zip(sources, chains, strict=True) if other == source]
        assert flow.split() == [packet for each in alone for packet in each.split()]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": vnet.TCP6},
        {"kind": 3},
        {"kind": vnet.UDP, "start": 1000},
        {"segment": 0},
        {"start": 0},
        {"start": 19},
        {"start": 24},
        {"start": 2000},
    ],
)
def test_what_is_not_what_the_offload_says_is_refused(change: dict[str, int]) -> None:
    packet, offload = whole(tcp(4, data(900)), 100)
    assert plan(packet, offload) is not None
    assert plan(packet, offload._replace(**change)) is None


@given(st.binary(max_size=120), st.builds(Offload, *[st.integers(0, 140)] * 6))
def test_nothing_raises(packet: bytes, offload: Offload) -> None:
    found = plan(packet, offload)
    if found is not None:
        split(found)


def test_too_many_segments_are_refused() -> None:
    packet, offload = whole(tcp(4, data(65_000), options=[]), 1)
    assert plan(packet, offload) is None
    assert plan(packet, offload._replace(segment=8)) is not None


@pytest.mark.parametrize("make", [tcp, udp])
def test_half_a_transport_header_is_refused(make: Callable[[int, bytes], bytes]) -> None:
    packet, offload = whole(make(4, data(80)), 4)
    assert all(plan(packet[:size], offload) is None for size in range(offload.header + 1))


def test_a_chain_takes_no_part_without_a_full_segment() -> None:
    large, small = plan(*whole(udp(6, data(8000)), 1000)), plan(*whole(udp(6, data(500)), 1000))
    assert large is not None and small is not None
    chain = Chain(large)
    assert not chain.extend(small)
    assert len(rows_of(chain)) == 8


def test_another_class_of_service_is_no_part_of_a_chain() -> None:
    first, second = (plan(*whole(tcp(6, data(1000), tc=service), 100)) for service in (0xB8, 0x08))
    assert first is not None and second is not None
    assert Chain(first).extend(first)
    assert not Chain(first).extend(second)
