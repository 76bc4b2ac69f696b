"""Some seeds of the simulator in every test run; `python -m tests.sim COUNT` runs as many as one likes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.sim.__main__ import main, run_seed
from tests.sim.scenario import draw
from tests.sim.seeds import regression_seeds

_COUNT = int(os.environ.get("IKEVPN_SIM_SEEDS", "300"))
_PER_TEST = 25


@pytest.mark.parametrize("first", range(0, _COUNT, _PER_TEST))
def test_seeds(first: int) -> None:
    failed = {seed: run_seed(seed).violations[:3] for seed in range(first, first + _PER_TEST)}
    assert {seed: violations for seed, violations in failed.items() if violations} == {}


@pytest.mark.parametrize("seed", regression_seeds())
def test_seeds_that_once_failed(seed: int) -> None:
    assert run_seed(seed).violations == ()


def test_a_seed_gives_the_same_trace_in_another_process() -> None:
    script = "from tests.sim.__main__ import run_seed; print(run_seed(7).digest)"
    folder = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    there = subprocess.run([sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, check=True)
    assert there.stdout.decode().strip() == run_seed(7).digest


def test_the_command_passes_and_replays(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["2", "--from", "7"]) == 0
    assert capsys.readouterr().out.endswith("PASS 2/2\n")
    assert main(["--replay", "7"]) == 0
    assert "every invariant held" in capsys.readouterr().out


def test_drawing_is_deterministic_and_wide() -> None:
    scenarios = [draw(seed) for seed in range(400)]
    assert scenarios[:20] == [draw(seed) for seed in range(20)]
    tunnels = [plan.tunnel for scenario in scenarios for host in scenario.hosts for plan in host.tunnels]
    assert min(Counter(tunnel.mode for tunnel in tunnels).values()) > 100
    assert {len(scenario.hosts) for scenario in scenarios} == {2, 3, 4}
    assert len({scenario.mismatch for scenario in scenarios}) == 6
    assert {nat.kind for scenario in scenarios for nat in scenario.nats} == {"ports", "ports-kept", "one-to-one"}
    assert {scenario.weather.loss for scenario in scenarios} >= {0.0, 0.4}
    assert len({command.verb for scenario in scenarios for command in scenario.commands}) == 10
