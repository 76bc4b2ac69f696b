"""Every limit fires once, hard overrides soft, and outbound sequence numbers are a limit of their own."""

from __future__ import annotations

import pytest

from ikevpn.esp.limits import LAST_SEQUENCE, SOFT_SEQUENCE, LimitWatch
from ikevpn.model.sa import Direction, ExpireKind, Limits
from tests.esp import samples

SOFT, HARD = ExpireKind.SOFT, ExpireKind.HARD


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
