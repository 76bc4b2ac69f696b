"""Named timers with one next deadline."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.ike.state.timers import Timer, TimerKind, Timers

_DPD, _REKEY = Timer(TimerKind.DPD, 1), Timer(TimerKind.IKE_REKEY, 1)


def test_in_order_of_their_deadlines() -> None:
    timers = Timers()
    timers.set(_REKEY, 7)
    timers.set(_DPD, 5)
    assert timers.next() == 5 and timers.pop_due(4.9) is None
    assert timers.pop_due(9) == _DPD and timers.pop_due(9) == _REKEY and timers.pop_due(9) is None
    assert timers.next() is None and len(timers) == 0


def test_setting_again_moves() -> None:
    timers = Timers()
    timers.set(_DPD, 5)
    timers.set(_DPD, 8)
    assert len(timers) == 1 and timers.at(_DPD) == 8
    assert timers.pop_due(6) is None and timers.pop_due(8) == _DPD
    timers.set(_DPD, 9)
    timers.set(_DPD, 3)
    assert timers.next() == 3


def test_the_same_deadline_twice_rings_once() -> None:
    timers = Timers()
    timers.set(_DPD, 5)
    timers.set(_DPD, 5)
    assert timers.pop_due(5) == _DPD and timers.pop_due(5) is None


def test_cancelled_timers_do_not_ring() -> None:
    timers = Timers()
    for owner in (1, 2):
        for kind in TimerKind:
            timers.set(Timer(kind, owner), 5)
    timers.cancel(_DPD)
    timers.cancel(_DPD)
    timers.cancel_owner(2)
    timers.cancel_owner(3)
    assert len(timers) == len(TimerKind) - 1
    rung = [timers.pop_due(5) for _ in range(len(TimerKind) - 1)]
    assert None not in rung and _DPD not in rung and timers.pop_due(5) is None


def test_what_was_cancelled_takes_no_room() -> None:
    timers = Timers()
    for owner in range(20_000):
        timers.set(Timer(TimerKind.HALF_OPEN, owner), 30)
        timers.cancel_owner(owner)
    for _ in range(20_000):
        timers.set(_DPD, 30)
    assert len(timers) == 1 and len(timers._heap) < 1000 and len(timers._deadlines) == 1


_OPERATIONS = st.tuples(
    st.sampled_from(["set", "cancel", "owner", "pop"]),
    st.builds(Timer, st.sampled_from(list(TimerKind)), st.integers(0, 3), st.integers(0, 1)),
    st.integers(0, 9),
)


@given(st.lists(_OPERATIONS, max_size=60))
def test_like_a_plain_table(operations: list[tuple[str, Timer, int]]) -> None:
    timers, table = Timers(), dict[Timer, float]()
    for what, timer, at in operations:
        if what == "set":
            timers.set(timer, at)
            table[timer] = at
        elif what == "cancel":
            timers.cancel(timer)
            table.pop(timer, None)
        elif what == "owner":
            timers.cancel_owner(timer.owner)
            table = {each: when for each, when in table.items() if each.owner != timer.owner}
        else:
            due = timers.pop_due(at)
            earliest = min(table.values(), default=99)
            assert (due is not None) == (earliest <= at)
            if due is not None:
                assert table.pop(due) == earliest
        assert timers.next() == min(table.values(), default=None) and len(timers) == len(table)
