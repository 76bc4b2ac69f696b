import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.packet.run import Run, runs


def test_a_run_is_a_sequence_of_packets() -> None:
    run = Run.of(b"aabbccd", 2)
    assert list(run) == [b"aa", b"bb", b"cc", b"d"]
    assert (len(run), run.size, run[0], run[-1], run[1:]) == (4, 2, b"aa", b"d", [b"bb", b"cc", b"d"])
    assert list(Run.of(b"aabb", 2)) == [b"aa", b"bb"]
    with pytest.raises(IndexError):
        run[4]


def test_rows_may_have_something_between_them() -> None:
    rows = np.frombuffer(b"xaaxbb", np.uint8).reshape(2, 3)[:, 1:]
    assert list(Run(rows)) == [b"aa", b"bb"]


@given(st.lists(st.binary(max_size=3), max_size=30), st.integers(1, 5))
def test_order_is_kept_and_runs_are_of_one_size(packets: list[bytes], shortest: int) -> None:
    parts = list(runs(packets, shortest))
    assert [bytes(packet) for part in parts for packet in part] == packets
    for part in parts:
        if isinstance(part, Run):
            assert len(part) >= shortest
            assert {len(packet) for packet in part} == {part.size}


def test_few_packets_of_one_size_stay_single() -> None:
    first, second, third = runs([b"a", b"bb", b"cc", b"dd", b"e"], 3)
    assert (first, third) == ([b"a"], [b"e"])
    assert isinstance(second, Run)
