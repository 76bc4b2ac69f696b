"""Whether a worker that owes an answer works at all: a busy one is not a dead one.

A worker takes commands in every turn of its loop, and a turn is short: one that takes what was sent to it, or says
anything, is alive, however long its answer takes. One that does neither is stopped or stuck, if it had the processor:
the kernel tells how long a process that wanted to run had to wait for others, and that time does not count.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

CHECK_EVERY_S = 0.5
"""We may have been held up ourselves: no single look counts for more than twice this."""
ANSWER_WITHIN_S = 5.0
TOO_LONG_S = 300.0
"""An answer that has not come by then never will."""


class Progress(NamedTuple):
    """How far a worker has come: octets that it has not taken yet, messages that it has sent; and the seconds that it
    has waited for a processor.
    """

    untaken: int
    heard: int
    waited_s: float

    def moved_since(self, before: Progress) -> bool:
        """Whether the worker has done something in between. What we sent in between makes what it has not taken more,
        and is no progress.
        """
        return self.heard != before.heard or self.untaken < before.untaken


class Patience:
    """With one worker, from one question on. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._last: Progress | None = None
        self._looked_at = self._began = now
        self._idle_s = 0.0

    def ends(self, progress: Progress, now: float) -> bool:
        """Look again, every CHECK_EVERY_S: whether to give it up."""
        before, self._last = self._last, progress
        passed_s = min(now - self._looked_at, 2 * CHECK_EVERY_S)
        self._looked_at = now
        if before is None or progress.moved_since(before):
            self._idle_s = 0.0
        else:
            self._idle_s += max(0.0, passed_s - (progress.waited_s - before.waited_s))
        return self._idle_s >= ANSWER_WITHIN_S or now - self._began >= TOO_LONG_S


def waited_s(pid: int) -> float:
    """How long the process has been ready to run and had to wait; 0 where the kernel does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
