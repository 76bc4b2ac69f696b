"""Sequence numbers, padding and counters of what we send; the ciphertext itself is judged by other programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import UsageError
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound, SequenceExhausted
from ikevpn.esp.transforms.transform import shape
from ikevpn.model.sa import Direction, Limits
from tests.esp import samples
from tests.esp.samples import ipv4, ipv6, ports

LAST = (1 << 32) - 1
PACKET = ipv4(ports(1, 2))


def numbers(packets: list[bytes]) -> list[int]:
    return [int.from_bytes(packet[4:8], "big") for packet in packets]


def outbound(pair: samples.Pair = samples.GCM, *, sequence: int = 0, **changes: object) -> Outbound:
    return Outbound(samples.sa(Direction.OUT, pair, **changes), samples.entropy(), sequence=sequence)


@pytest.mark.parametrize("pair", samples.PAIRS, ids=samples.name)
def test_numbers_count_from_one_across_batches(pair: samples.Pair) -> None:
    out = outbound(pair)
    assert numbers(out.seal([PACKET] * 3, 4) + out.seal([], 4) + out.seal([PACKET] * 2, 4)) == [1, 2, 3, 4, 5]
    assert (out.sequence, out.packets, out.bytes) == (5, 5, 5 * len(PACKET))


@pytest.mark.parametrize("pair", samples.PAIRS, ids=samples.name)
def test_one_alone_is_sealed_as_a_batch_of_one(pair: samples.Pair) -> None:
    alone, batch = outbound(pair), outbound(pair)
    for size in range(60):
        assert [alone.seal_one(bytes(size), 4)] == batch.seal([bytes(size)], 4)
    assert (alone.sequence, alone.packets, alone.bytes) == (batch.sequence, batch.packets, batch.bytes)


def test_one_alone_never_wraps() -> None:
    out = outbound(sequence=LAST - 1)
    out.seal_one(PACKET, 4)
    with pytest.raises(SequenceExhausted):
        out.seal_one(PACKET, 4)
    assert (out.sequence, out.packets) == (LAST, 1)


@given(st.sampled_from(samples.AUTHENTICATED), st.binary(min_size=0, max_size=64))
def test_padding_is_the_least_that_aligns(pair: samples.Pair, payload: bytes) -> None:
    sizes = shape(samples.algorithms(pair))
    packet = outbound(pair).seal([payload], 4)[0]
    encrypted = len(packet) - 8 - sizes.iv - sizes.icv
    assert packet[:4] == samples.SPI.to_bytes(4, "big")
    assert encrypted % sizes.alignment == 0
    assert 0 <= encrypted - len(payload) - 2 < sizes.alignment
    assert len(packet) == 8 + sizes.iv + len(payload) + 2 + sizes.padding(len(payload)) + sizes.icv


@pytest.mark.parametrize("size", range(9))
def test_padding_counts_upwards(size: int) -> None:
    packet = outbound(samples.NULL_SHA1).seal([bytes(size)], 41)[0]
    padding = (2 - size) % 4
    assert packet[8:-12] == bytes(size) + bytes(range(1, padding + 1)) + bytes([padding, 41])


def test_numbers_never_wrap() -> None:
    out = outbound(sequence=LAST - 2)
    with pytest.raises(SequenceExhausted):
        out.seal([PACKET] * 3, 4)
    assert (out.remaining, out.packets, out.bytes) == (2, 0, 0)
    assert numbers(out.seal([PACKET] * 2, 4)) == [LAST - 1, LAST]
    with pytest.raises(SequenceExhausted):
        out.seal([PACKET], 4)
    assert out.seal([], 4) == []


def test_extended_numbers_go_on_behind_32_bits() -> None:
    out = outbound(sequence=LAST - 1, extended_sequence_numbers=True)
    assert numbers(out.seal([PACKET] * 3, 4)) == [LAST, 0, 1]
    assert out.sequence == LAST + 2
    end = outbound(sequence=(1 << 64) - 2, extended_sequence_numbers=True)
    end.seal([PACKET], 4)
    with pytest.raises(SequenceExhausted):
        end.seal([PACKET], 4)


@pytest.mark.parametrize("extended", [False, True])
def test_gcm_never_repeats_its_iv(extended: bool) -> None:
    out = outbound(extended_sequence_numbers=extended)
    ivs = [packet[8:16] for _ in range(3) for packet in out.seal([PACKET] * 5, 4)]
    assert ivs == [number.to_bytes(8, "big") for number in range(1, 16)]


def test_a_next_header_for_each() -> None:
    batch: list[bytes | memoryview] = [PACKET, memoryview(ipv6(ports(3, 4))), PACKET]
    sealed = outbound().seal(batch, [4, 41, 4])
    inbound = Inbound(samples.sa(Direction.IN))
    headers = [4, 41, 4]
    assert inbound.open(sealed, 0.0) == [Opened(bytes(p), h) for p, h in zip(batch, headers, strict=True)]


def test_an_inbound_sa_cannot_seal() -> None:
    with pytest.raises(UsageError):
        Outbound(samples.sa(Direction.IN), samples.entropy())


def test_more_numbers_that_do_not_follow_are_not_filled_up_to() -> None:
    """Those between were given to somebody else."""
    out = outbound(sequence=0, limits=Limits(hard_packets=10))
    out.seal([PACKET] * 6, 4)
    out.extend(samples.sa(Direction.OUT, sequence=20, limits=Limits(hard_packets=20)))
    assert (numbers(out.seal([PACKET] * 2, 4)), out.remaining) == ([21, 22], 18)
    out.extend(samples.sa(Direction.OUT, sequence=40, limits=Limits(hard_packets=20)))
    assert (numbers(out.seal([PACKET], 4)), out.remaining) == ([23], 37)
