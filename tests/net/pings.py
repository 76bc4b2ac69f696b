"""`ping` in such a way that an answer which comes late is not taken for one that was lost.

With a count alone, ping listens after its last request only for twice the longest round trip, or one interval, whatever
`-W` says. With a deadline it goes on asking until so many were answered, and the numbers tell what was lost.
"""

from __future__ import annotations

import re

DEADLINE_S = 60


def words(count: int, interval_s: float) -> tuple[str, ...]:
    """The first words of the command line."""
    return ("ping", "-n", "-c", str(count), "-i", str(interval_s), "-w", str(DEADLINE_S))


def one(patience_s: int = 3) -> tuple[str, ...]:
    """The same for a single request that may well stay without an answer."""
    return ("ping", "-n", "-c", "1", "-W", str(patience_s))


def lost(printed: str, count: int) -> list[int]:
    """Which of the first `count` requests were not answered."""
    answered = {int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", printed)}
    return sorted(set(range(1, count + 1)) - answered)


def sent(printed: str) -> int:
    """How many requests went out."""
    found = re.search(r"(\d+) packets transmitted", printed)
    assert found is not None, printed
    return int(found[1])
