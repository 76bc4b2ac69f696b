"""`python -m tests.sim COUNT [--from SEED] [--jobs N]` runs seeds; with `--replay SEED` it tells the story of one."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator

from tests.sim.scenario import Scenario, draw
from tests.sim.seeds import regression_seeds
from tests.sim.world import Outcome, simulate


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=300, help="how many seeds, after the regression seeds")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED", help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="print the trace of one seed")
    chosen = parser.parse_args(arguments)
    if chosen.replay is not None:
        return _replay(chosen.replay)
    known = regression_seeds() if chosen.first == 0 else []
    new = [seed for seed in range(chosen.first, chosen.first + chosen.count) if seed not in known]
    return _run([*known, *new][: max(chosen.count, len(known))], chosen.jobs)


def _run(seeds: list[int], jobs: int) -> int:
    started, failed, datagrams = time.perf_counter(), [], 0
    for outcome in _outcomes(seeds, jobs):
        datagrams += outcome.datagrams
        if outcome.violations:
            failed.append(outcome.seed)
            print(f"seed {outcome.seed} ({outcome.title})", *outcome.violations[:5], sep="\n  ", flush=True)
    took_s = time.perf_counter() - started
    print(f"{len(seeds) / took_s:.0f} seeds/s, {datagrams / took_s:.0f} IKE datagrams/s, {took_s:.0f} s")
    if failed:
        print(f"replay one with: python -m tests.sim --replay {failed[0]}")
        print(f"FAIL {len(failed)}/{len(seeds)}: {' '.join(map(str, failed))}")
        return 1
    print(f"PASS {len(seeds)}/{len(seeds)}")
    return 0


def _outcomes(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from map(run_seed, seeds)
        return
    with multiprocessing.Pool(jobs) as pool:
        yield from pool.imap_unordered(run_seed, seeds, chunksize=4)


def run_seed(seed: int) -> Outcome:
    return simulate(draw(seed))


def _replay(seed: int) -> int:
    scenario = draw(seed)
    _introduce(scenario)
    outcome = simulate(scenario, keep_trace=True)
    print(*outcome.lines, sep="\n")
    print(f"trace {outcome.digest}")
    print(*(outcome.violations or ("every invariant held",)), sep="\n")
    return 1 if outcome.violations else 0


def _introduce(scenario: Scenario) -> None:
    print(f"seed {scenario.seed}: {scenario.title}, {scenario.weather}, mismatch {scenario.mismatch}")
    print(f"chaos {scenario.chaos_s:.0f} s, healing {scenario.heal_s:.0f} s, quiet {scenario.quiet_s:.0f} s")
    for host in scenario.hosts:
        for plan in host.tunnels:
            print(f"{host.name} at {host.address} behind {host.nat}: {plan.start}, peer {plan.remote}\n  {plan.tunnel}")
    for command in scenario.commands:
        print(f"  {command}")


if __name__ == "__main__":
    sys.exit(main())
