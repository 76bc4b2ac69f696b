"""The ways in which a scenario can end badly, and the one way of waiting for something to happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

FIRST_INTERVAL_S, LONGEST_INTERVAL_S = 0.02, 0.25
PATIENCE_S = 90.0
"""How long something may take that is to happen: no scenario fails because the machine has much else to do."""
T = TypeVar("T")
interrupted = Event()
"""Set once the user or the system asks the run to end: every wait gives up, so that every scenario cleans up."""


class InteropError(Exception):
    """Anything that ends a scenario; `str(error)` is one sentence for the person who started it."""


class Missing(InteropError):
    """The machine lacks a privilege, a tool or a peer that the scenario needs. Never a reason to skip silently."""


class Unmet(InteropError):
    """Something that the scenario expects did not hold."""


class Interrupted(InteropError):
    """The run was told to end."""


def expect(holds: bool, sentence: str) -> None:
    """Raise `Unmet` with `sentence` unless `holds`."""
    if not holds:
        raise Unmet(sentence)


def wait_until(probe: Callable[[], T], what: str, timeout_s: float = PATIENCE_S) -> T:
    """Call `probe` until its answer is true and return that answer; `Unmet` names `what` after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    interval_s = FIRST_INTERVAL_S
    while True:
        if interrupted.is_set():
            raise Interrupted(f"interrupted while waiting for {what}")
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Unmet(f"{what} did not happen within {timeout_s:g} s")
        interrupted.wait(interval_s)
        interval_s = min(interval_s * 1.3, LONGEST_INTERVAL_S)
