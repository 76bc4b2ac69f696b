"""Extended sequence numbers across 2^32, singly and in runs, for windows of all sizes, against a model that remembers
every number it has accepted (RFC 4303 §3.4.3, RFC 4304).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.sa import Direction
from tests.esp import samples

BORDER = 1 << 32
COUNT = 160
pairs = pytest.mark.parametrize("pair", [samples.GCM, samples.CBC_SHA1], ids=samples.name)


def sealed_across(pair: samples.Pair, before: int) -> list[bytes]:
    """`COUNT` packets, `before` of them with numbers below the border."""
    sa = samples.sa(Direction.OUT, pair, extended_sequence_numbers=True)
    out = Outbound(sa, samples.entropy(), sequence=BORDER - 1 - before)
    return out.seal([samples.ipv4(bytes([n]), protocol=samples.ICMP) for n in range(COUNT)], 4)


def into(pair: samples.Pair, window: int, before: int) -> Inbound:
    """An SA that has seen all numbers below those."""
    inbound = Inbound(samples.sa(Direction.IN, pair, extended_sequence_numbers=True, replay_window=window))
    inbound._window.advance(BORDER - 1 - before)
    return inbound


def open_in_runs(inbound: Inbound, packets: list[bytes]) -> list[bool]:
    rows = np.frombuffer(b"".join(packets), np.uint8).reshape(len(packets), -1)
    opened = inbound.open_rows(rows, 1.0)
    if opened is None:
        return [isinstance(answer, Opened) for answer in inbound.open(packets, 1.0)]
    if isinstance(opened, list):
        return [isinstance(answer, Opened) for answer in opened]
    return [True] * len(opened)


@pairs
@settings(max_examples=60)
@given(
    window=st.one_of(st.integers(32, 4096), st.sampled_from([32, 64, 1024, 4096])),
    before=st.integers(0, COUNT),
    parts=st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(1, 64)), min_size=1, max_size=12),
)
def test_singly_and_in_runs_as_a_model_says(
    pair: samples.Pair, window: int, before: int, parts: list[tuple[int, int]]
) -> None:
    packets = sealed_across(pair, before)
    singly, together = into(pair, window, before), into(pair, window, before)
    first, highest, accepted = BORDER - before, BORDER - 1 - before, set[int]()
    for at, count in parts:
        part = packets[at : at + count]
        expected = []
        for number in range(first + at, first + at + len(part)):
            fresh = number not in accepted and number > highest - window
            expected.append(fresh)
            if fresh:
                accepted.add(number)
                highest = max(highest, number)
        assert [isinstance(answer, Opened) for answer in singly.open(part, 1.0)] == expected
        assert open_in_runs(together, part) == expected
        assert together._window.highest == singly._window.highest == highest
        assert together.packets == singly.packets == len(accepted)


@pairs
def test_runs_are_sealed_across_the_border_as_single_packets_are(pair: samples.Pair) -> None:
    sa = samples.sa(Direction.OUT, pair, extended_sequence_numbers=True)
    singly, together = (Outbound(sa, samples.entropy(), sequence=BORDER - 5) for _ in range(2))
    packets = [samples.ipv4(bytes([n]) * 40, protocol=samples.ICMP) for n in range(12)]
    rows = together.rows(12, len(packets[0]))
    assert rows is not None
    rows[:, : len(packets[0])] = np.frombuffer(b"".join(packets), np.uint8).reshape(12, -1)
    assert [row.tobytes() for row in together.seal_rows(12, len(packets[0]), 4)] == singly.seal(packets, 4)
    assert together.sequence == singly.sequence == BORDER + 7


@pairs
def test_without_them_numbers_do_not_go_on_behind_the_border(pair: samples.Pair) -> None:
    packets = sealed_across(pair, 3)
    plain = Inbound(samples.sa(Direction.IN, pair, replay_window=64))
    plain._window.advance(BORDER - 4)
    assert set(plain.open(packets[:4], 1.0)) == ({Drop.BAD_ICV, Drop.REPLAY})
