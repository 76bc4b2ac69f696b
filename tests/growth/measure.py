"""CPU time of one step, and the verdict: what it costs among many, compared with what it costs among ten."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

FLAT = 1.5
"""How many times what it costs among ten a step may cost among ten thousand."""
LOOKUP = 2.0
"""The same for a search in a sorted structure of policies or routes, which may grow with the logarithm."""
_QUANTUM_US = 1.0
"""Two costs that differ by less are the same: so much a single cache miss or a call of the clock may make."""

_COLD = bytes(1 << 24)

Costs = dict[str, float]
"""CPU time of each step in microseconds, or a size in KiB."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is measured, under which name, and how much it may grow."""

    name: str
    limit: float = FLAT
    unit: str = "us"


@dataclass(slots=True)
class Clock:
    """CPU time of this process that a side has used, without the cost of the reading."""

    used_ns: int = 0
    overhead_ns: int = field(default_factory=lambda: _overhead_ns())

    @contextmanager
    def running(self) -> Iterator[None]:
        start = time.process_time_ns()
        try:
            yield
        finally:
            self.used_ns += max(0, time.process_time_ns() - start - self.overhead_ns)

    def taken_us(self) -> float:
        """What was used since the last call."""
        used, self.used_ns = self.used_ns, 0
        return used / 1000

    def typical(self, tries: Sequence[float]) -> float:
        """What a step costs, of what it took each time."""
        return statistics.median(tries)


def _overhead_ns() -> int:
    readings = [time.process_time_ns() for _ in range(201)]
    return int(statistics.median(b - a for a, b in pairwise(readings)))


def median_us(act: Callable[[int], object], tries: int, repeat: int = 1) -> float:
    """The median CPU time of `act(number)`, of so many tries; each try calls it `repeat` times, with new numbers.

    What is tried once a time finds its code in the caches of the processor, and not its tunnel, be it one of ten.
    """
    clock, found = Clock(), []
    for number in range(tries):
        if repeat == 1:
            cool()
            act(number + 10 * tries + 1)
        with clock.running():
            for each in range(number * repeat, (number + 1) * repeat):
                act(each)
        found.append(clock.taken_us() / repeat)
    return statistics.median(found)


def tidy() -> None:
    """What was made until now is no work for the collector any more, as in a daemon that has started."""
    gc.collect()
    gc.freeze()


def cool() -> None:
    """Nothing is left in the caches of the processor, where a tunnel among ten would be each time its turn comes."""
    _COLD.count(1)


def is_within(step: Step, among_few: float, among_many: float) -> bool:
    return among_many <= max(among_few * step.limit, among_few + _QUANTUM_US)


def table(title: str, steps: Mapping[str, Step], measured: Mapping[int, Costs]) -> tuple[list[str], list[str]]:
    """Lines to print, and the names of the steps that grow too much."""
    counts = sorted(measured)
    lines = [title, f"{'':34}" + "".join(f"{count:>10,}" for count in counts) + "     ratio", ""]
    failed: list[str] = []
    for name, step in steps.items():
        costs = [measured[count].get(name) for count in counts]
        known = [cost for cost in costs if cost is not None]
        if not known:
            continue
        passed = is_within(step, known[0], known[-1])
        ratio = known[-1] / known[0] if known[0] else 1.0
        row = "".join(" " * 10 if cost is None else f"{cost:>10,.1f}" for cost in costs)
        verdict = "PASS" if passed else "FAIL"
        lines.append(f"{name + ', ' + step.unit:34}{row}{ratio:>10.2f}  {verdict} (at most {step.limit:g})")
        if not passed:
            failed.append(f"{title}: {name}")
    return [*lines, ""], failed
