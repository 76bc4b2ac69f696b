"""Every limit fires once, hard overrides soft, and outbound sequence numbers are a limit of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.limits import LAST_SEQUENCE, SAMPLE_S, SOFT_SEQUENCE, LimitWatch
from ikevpn.model.sa import Direction, ExpireKind, Limits
from tests.esp import samples

SOFT, URGENT, HARD = ExpireKind.SOFT, ExpireKind.URGENT, ExpireKind.HARD


@pytest.mark.parametrize(
    ("limits", "below", "soft", "hard"),
    [
        (Limits(soft_bytes=100, hard_bytes=200), (99, 0, 0.0), (100, 0, 0.0), (200, 0, 0.0)),
        (Limits(soft_packets=10, hard_packets=20), (0, 9, 0.0), (0, 10, 0.0), (0, 20, 0.0)),
        (Limits(soft_seconds=60, hard_seconds=90), (0, 0, 59.9), (0, 0, 60.0), (0, 0, 90.0)),
    ],
)
def test_each_limit_is_told_once(
    limits: Limits, below: tuple[int, int, float], soft: tuple[int, int, float], hard: tuple[int, int, float]
) -> None:
    watch = LimitWatch(limits)
    told = [watch.check(*use) for use in (below, soft, soft, hard, hard)]
    assert told == [None, SOFT, None, HARD, None]


@pytest.mark.parametrize("limits", [Limits(soft_bytes=100, hard_bytes=200), Limits(soft_packets=100, hard_packets=200)])
def test_urgent_is_half_way_from_soft_to_hard(limits: Limits) -> None:
    watch = LimitWatch(limits)
    assert [watch.check(used, used, 0.0) for used in (110, 154, 155, 156, 200)] == [SOFT, None, URGENT, None, HARD]


def test_soft_is_early_where_the_present_speed_leaves_no_time() -> None:
    limits = Limits(soft_bytes=900, hard_bytes=1000, early_bytes=300, lead_s=4.0)
    assert LimitWatch(limits).check(299, 0, 0.1) is None
    assert LimitWatch(limits).check(300, 0, 0.1) is SOFT
    slow = LimitWatch(limits)
    assert [slow.check(use, 0, use / 100) for use in (100, 300, 500, 600)] == [None] * 4
    assert slow.check(620, 0, 6.2) is SOFT  # 3.8 s are left


def test_a_burst_after_silence_is_noticed() -> None:
    watch = LimitWatch(Limits(soft_bytes=900, hard_bytes=1000, early_bytes=300, lead_s=4.0))
    assert watch.check(310, 0, 1000.0) is None
    assert watch.check(330, 0, 1000.0 + SAMPLE_S / 2) is None
    assert watch.check(350, 0, 1000.0 + SAMPLE_S * 1.5) is SOFT


@given(
    st.floats(1e3, 1e9), st.integers(1 << 20, 1 << 32), st.floats(0.01, 5.0), st.floats(0.0, 0.04), st.integers(0, 9)
)
def test_a_renewal_is_done_before_the_end_at_any_speed(
    speed: float, hard: int, lead_s: float, turn_s: float, phase: int
) -> None:
    """Told `lead_s` before the end, less what it takes to notice, unless the lifetime is too short for that."""
    early = hard // 4
    watch = LimitWatch(Limits(soft_bytes=hard * 9 // 10, hard_bytes=hard, early_bytes=early, lead_s=lead_s))
    step = max(turn_s, hard / speed / 500)
    age = phase / 10 * step
    while watch.check(int(age * speed), 0, age) is None:
        age += step
    left_s = hard / speed - age
    assert left_s >= min(lead_s, 0.75 * hard / speed) - 2 * max(SAMPLE_S, step)


def test_hard_after_a_long_pause_skips_soft() -> None:
    watch = LimitWatch(Limits(soft_seconds=60, hard_seconds=90))
    assert watch.check(0, 0, 1000) is HARD
    assert watch.check(0, 0, 1001) is None


def test_soft_is_told_once_for_all_limits_together() -> None:
    watch = LimitWatch(Limits(soft_bytes=10, soft_packets=1))
    assert watch.check(0, 1, 0) is SOFT
    assert watch.check(10, 1, 0) is None


def test_no_limits_never_expire() -> None:
    assert LimitWatch(Limits()).check(1 << 70, 1 << 70, 1e9) is None


@pytest.mark.parametrize("limits", [Limits(), Limits(soft_packets=1 << 40, hard_packets=1 << 41)])
def test_an_outbound_sa_expires_before_its_numbers_run_out(limits: Limits) -> None:
    watch = LimitWatch.of(samples.sa(Direction.OUT, limits=limits))
    assert watch.check(0, SOFT_SEQUENCE - 1, 0) is None
    assert watch.check(0, SOFT_SEQUENCE, 0) is SOFT
    assert watch.check(0, LAST_SEQUENCE, 0) is HARD


def test_smaller_limits_of_the_sa_stand() -> None:
    watch = LimitWatch.of(samples.sa(Direction.OUT, limits=Limits(soft_packets=5, hard_packets=6)))
    assert [watch.check(0, used, 0) for used in (4, 5, 6)] == [None, SOFT, HARD]


@pytest.mark.parametrize(
    "sa",
    [samples.sa(Direction.IN), samples.sa(Direction.OUT, extended_sequence_numbers=True)],
    ids=["inbound", "extended"],
)
def test_sequence_numbers_limit_nobody_else(sa: object) -> None:
    assert LimitWatch.of(sa).check(0, 1 << 33, 0) is None  # type: ignore[arg-type]


_STEP = st.tuples(st.integers(0, 400), st.integers(0, 40), st.sampled_from([0.0, 0.01, SAMPLE_S, 1.0, 20.0]))


@given(
    st.builds(
        Limits,
        soft_bytes=st.sampled_from([0, 900]),
        hard_bytes=st.sampled_from([0, 2000]),
        soft_packets=st.sampled_from([0, 90]),
        hard_packets=st.sampled_from([0, 200]),
        soft_seconds=st.sampled_from([0, 30]),
        hard_seconds=st.sampled_from([0, 60]),
        early_bytes=st.sampled_from([0, 300]),
        lead_s=st.sampled_from([0.0, 4.0]),
    ),
    st.lists(_STEP, max_size=40),
)
def test_a_short_check_tells_what_a_long_one_would(limits: Limits, steps: list[tuple[int, int, float]]) -> None:
    watch, thorough = LimitWatch(limits), LimitWatch(limits)
    octets, packets, age_s = 0, 0, 0.0
    for more_octets, more_packets, later_s in steps:
        octets, packets, age_s = octets + more_octets, packets + more_packets, age_s + later_s
        if thorough._told is not HARD:
            thorough._quiet = (0, 0, 0)
        assert watch.check(octets, packets, age_s) is thorough.check(octets, packets, age_s)
