from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.index.deadlines import Deadlines

CHANGES = st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 50)))


@given(st.lists(st.tuples(CHANGES, st.integers(0, 5)), max_size=80))
def test_the_same_as_a_look_at_all(steps: list[tuple[tuple[int, int | None], int]]) -> None:
    deadlines: Deadlines[int] = Deadlines()
    oracle: dict[int, float] = {}
    now = 0.0
    for (key, after), passes in steps:
        if after is None:
            deadlines.delete(key)
            oracle.pop(key, None)
        else:
            deadlines.set(key, now + after)
            oracle[key] = now + after
        assert deadlines.next == min(oracle.values(), default=None)
        now += passes
        due = {each for each, deadline in oracle.items() if deadline <= now}
        found = deadlines.due(now)
        assert [oracle[each] for each in found] == sorted(oracle[each] for each in due)
        assert set(found) == due
        for each in due:
            del oracle[each]
        assert len(deadlines) == len(oracle)
        assert all(each in deadlines for each in oracle)


def test_what_was_put_off_does_not_pile_up() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("first", 0.0)
    for number in range(10_000):
        deadlines.set("later", 10.0 + number)
    assert len(deadlines._heap) < 50
    assert deadlines.due(1.0) == ["first"]
    assert deadlines.next == 10_009.0
