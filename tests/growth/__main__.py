"""`python -m tests.growth` shows what each step costs with 10, 100, 1,000 and 10,000 tunnels up, and whether it grows.

CPU time of this process, medians. Exit 1 where any step costs more than it may.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from tests.growth import engine, lookups, plane
from tests.growth.measure import Costs, Step, table

Measure = Callable[[Sequence[int], int], Iterator[tuple[int, Costs]]]

KINDS: dict[str, tuple[str, Mapping[str, Step], Measure]] = {
    **{
        shape.name.lower().replace("_", "-"): (f"IKE engine, {shape}", engine.STEPS, partial(engine.grow, shape))
        for shape in engine.Shape
    },
    **{
        f"plane-{shape.name.lower()}": (f"data plane, {shape}", plane.STEPS, partial(plane.grow, shape))
        for shape in plane.Shape
    },
    "lookups": ("searches", lookups.STEPS, lookups.grow),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)} (default: all)")
    parser.add_argument("--standing", type=int, nargs="+", default=[10, 100, 1000, 10_000], help="how many are up")
    parser.add_argument("--tries", type=int, default=41, help="how often each step is tried")
    chosen = parser.parse_args(arguments)
    if unknown := [kind for kind in chosen.kinds if kind not in KINDS]:
        parser.error(f"there is no {', '.join(unknown)}: choose from {', '.join(KINDS)}")
    failed: list[str] = []
    for kind in chosen.kinds or KINDS:
        title, steps, measure = KINDS[kind]
        lines, grown = table(title, steps, dict(measure(sorted(chosen.standing), chosen.tries)))
        failed += grown
        print(*lines, sep="\n", flush=True)
    print(*(f"FAIL {each}" for each in failed), sep="\n") if failed else print("PASS")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
