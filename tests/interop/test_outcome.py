"""Waiting gives up in time, and says for what."""

from __future__ import annotations

import pytest

from interop.lab import outcome


def test_the_first_true_answer_is_returned() -> None:
    answers = iter((0, "", 7))
    assert outcome.wait_until(lambda: next(answers), "a true answer") == 7


def test_what_does_not_happen_is_named() -> None:
    with pytest.raises(outcome.Unmet, match="rain did not happen within 0 s"):
        outcome.wait_until(lambda: False, "rain", timeout_s=0)


def test_an_interrupted_run_waits_no_longer() -> None:
    outcome.interrupted.set()
    try:
        with pytest.raises(outcome.Interrupted):
            outcome.wait_until(lambda: True, "anything")
    finally:
        outcome.interrupted.clear()
