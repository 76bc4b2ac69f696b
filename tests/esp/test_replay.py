"""The window against a model that remembers everything, against sequences made by others, and the high half of ESN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import UsageError
from ikevpn.esp.replay import ReplayWindow

HALF = 1 << 32


def accept(window: ReplayWindow, sequence: int) -> bool:
    """What an SA does with an authentic packet."""
    if not window.check(sequence):
        return False
    window.advance(sequence)
    return True


def steps(rows: list[tuple[str, bool]], size: int) -> Iterator[tuple[int, bool]]:
    def number(expression: str) -> int:
        factors, _, rest = expression.replace("-", "+-").partition("+")
        value = 1
        for factor in factors.split("*"):
            value *= size if factor == "N" else int(factor)
        return value + int(rest or 0)

    for expression, accepted in rows:
        first, _, last = expression.partition("..")
        start, end = number(first), number(last or first)
        for sequence in range(start, end + 1) if start <= end else range(start, end - 1, -1):
            yield sequence, accepted


@pytest.mark.parametrize("size", [32, 33, 64, 100, 1024, 4096])
def test_sequences_made_by_others(corpus: Path, size: int) -> None:
    tests = json.loads((corpus / "esp-vectors" / "replay-window.json").read_text())["tests"]
    assert len(tests) == 4
    for test in tests:
        window = ReplayWindow(size)
        for sequence, accepted in steps(test["steps"], size):
            assert accept(window, sequence) is accepted, (test["name"], sequence)


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(32, 128))
def test_equals_a_model_that_remembers_everything(sequences: list[int], size: int) -> None:
    window, accepted = ReplayWindow(size), {0}
    for sequence in sequences:
        expected = sequence not in accepted and sequence > max(accepted) - size
        assert accept(window, sequence) is expected
        if expected:
            accepted.add(sequence)


@given(st.lists(st.integers(0, HALF - 1)))
def test_without_a_window_everything_passes(sequences: list[int]) -> None:
    window = ReplayWindow(0)
    assert all(accept(window, sequence) for sequence in sequences)


def test_asking_does_not_move_the_window() -> None:
    window = ReplayWindow(32)
    assert window.check(1000)
    assert window.check(1000)
    assert window.highest == 0


def test_sequence_number_zero_is_never_sent_and_never_accepted() -> None:
    assert not ReplayWindow(32).check(0)


def test_a_jump_across_the_whole_number_space_costs_no_memory() -> None:
    window = ReplayWindow(4096, extended=True)
    assert accept(window, (1 << 64) - 1)
    assert not accept(window, 1)


@pytest.mark.parametrize("size", [-1, 1, 31, 4097])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(UsageError):
        ReplayWindow(size)


@pytest.mark.parametrize("size", [0, 32, 64, 1024, 4096])
@pytest.mark.parametrize("extended", [False, True])
@given(st.integers(0, 3 * HALF), st.integers(-31, 100_000))
def test_the_high_half_is_inferred_around_the_highest_number(
    size: int, extended: bool, highest: int, distance: int
) -> None:
    window = ReplayWindow(size, extended=extended)
    window.advance(highest if extended else highest % HALF)
    sequence = max(1, window.highest + distance)
    assert window.infer(sequence % HALF) == (sequence if extended else sequence % HALF)


def test_extended_numbers_cross_the_border_in_disorder() -> None:
    window = ReplayWindow(64, extended=True)
    window.advance(HALF - 2)
    order = [HALF + 3, HALF - 1, HALF, HALF + 1, HALF - 20]
    assert [window.infer(sequence % HALF) for sequence in order] == order
    for sequence in order:
        assert window.infer(sequence % HALF) == sequence
        assert accept(window, sequence)
        assert not accept(window, sequence)


def test_a_number_from_before_the_first_packet_is_refused() -> None:
    """Near the start the low half can only mean the space before 0, where nothing ever was."""
    window = ReplayWindow(64, extended=True)
    sequence = window.infer(HALF - 5)
    assert sequence < 0
    assert not window.check(sequence)
    assert not ReplayWindow(0, extended=True).check(-5)


@given(
    st.sampled_from([0, 32, 64, 1024]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 200)), max_size=8),
)
def test_a_run_advances_as_its_packets_would(size: int, extended: bool, steps: list[tuple[int, int]]) -> None:
    singly, together = (ReplayWindow(size, extended=extended) for _ in range(2))
    for skip, count in steps:
        first = together.highest + 1 + skip
        sequences = together.infer_run(first % (1 << 32), count)
        assert sequences == range(first, first + count)
        together.advance_run(sequences)
        for sequence in sequences:
            assert singly.check(sequence)
            singly.advance(sequence)
        assert (together.highest, together._seen) == (singly.highest, singly._seen)
        assert together.infer_run(together.highest % (1 << 32), 2) is None


def test_a_run_does_not_cross_the_end_of_the_low_half() -> None:
    window = ReplayWindow(64, extended=True)
    window.advance((1 << 32) - 3)
    assert window.infer_run((1 << 32) - 2, 2) == range((1 << 32) - 2, 1 << 32)
    crossing = window.infer_run((1 << 32) - 2, 4)
    assert crossing in (None, range((1 << 32) - 2, (1 << 32) + 2))
