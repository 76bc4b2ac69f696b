"""Runs scenarios, several at a time where asked, and says what became of them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from interop.lab import requirements
from interop.lab.outcome import InteropError, Interrupted, interrupted
from interop.lab.site import Site
from interop.stage.scenario import Scenario
from interop.stage.stage import Left, Stage

TAIL_LINES = 25


@dataclass(frozen=True)
class Report:
    """What became of one scenario; `evidence` holds the peers' logs of one that failed."""

    name: str
    passed: bool
    seconds: float
    sentence: str = ""
    evidence: dict[str, str] = field(default_factory=dict)


def run_one(scenario: Scenario) -> Report:
    """Play one scenario on a site of its own; whatever it raises becomes its report."""
    start = time.monotonic()
    sentence, evidence = "", {}
    site = None
    try:
        with Site() as site:
            stage = Stage(site)
            try:
                scenario.play(stage)
                stage.stop()
            except Exception:
                evidence = stage.evidence()
                raise
    except InteropError as error:
        sentence = str(error)
    except Exception as error:  # a scenario's own mistake must not end the others
        sentence = f"{type(error).__name__}: {error}"
    left = site.leftovers() if site is not None else []
    if left:
        sentence = f"{sentence + '; ' if sentence else ''}left behind: {', '.join(left)}"
    return Report(scenario.name, not sentence, round(time.monotonic() - start, 2), sentence, evidence)


def run(chosen: Sequence[Scenario], *, jobs: int = 1, as_json: bool = False) -> int:
    """Run all, print a line each and the line that counts; returns the exit status."""
    requirements.check(need for scenario in chosen for need in scenario.needs)
    with ThreadPoolExecutor(jobs) as pool:
        try:
            reports = []
            for report in pool.map(run_one, chosen):
                reports.append(report)
                _print(report, as_json)
        except BaseException:
            interrupted.set()
            raise
    failed = [report.name for report in reports if not report.passed]
    verdict = (
        f"FAIL {len(failed)}/{len(reports)}: {', '.join(failed)}" if failed else f"PASS {len(reports)}/{len(reports)}"
    )
    if as_json:
        _write_json({"passed": len(reports) - len(failed), "failed": failed, "verdict": verdict})
    else:
        print(verdict)
    return 1 if failed else 0


def visit(scenario: Scenario) -> int:
    """Play a scenario up to the point where everything stands, or to where it fails, and open a shell there."""
    requirements.check(scenario.needs)
    with Site() as site:
        stage = Stage(site, visit=True)
        try:
            scenario.play(stage)
        except (Left, Interrupted):
            return 0
        except InteropError as error:
            print(f"{scenario.name} failed: {error}")
            stage.visit()
            return 1
    return 0


def _print(report: Report, as_json: bool) -> None:
    if as_json:
        _write_json(report.__dict__)
        return
    print(f"{'ok  ' if report.passed else 'FAIL'} {report.seconds:6.1f} s  {report.name}", flush=True)
    if not report.passed:
        print(f"     {report.sentence}", flush=True)
        for label, log in report.evidence.items():
            print(f"     --- {label}", file=sys.stderr)
            for line in log.splitlines()[-TAIL_LINES:]:
                print(f"     {line}", file=sys.stderr)


def _write_json(value: object) -> None:
    print(json.dumps(value), flush=True)
