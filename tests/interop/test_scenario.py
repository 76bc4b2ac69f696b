"""The registry: names, patterns, and the shape of every scenario."""

from __future__ import annotations

import re

import pytest

from interop import __main__ as command
from interop.lab import requirements
from interop.stage import scenario


def test_names_are_plain_and_every_need_is_known() -> None:
    for found in scenario.load().values():
        assert re.fullmatch(r"[a-z0-9-]+", found.name)
        assert found.sentence
        assert found.needs <= requirements.KNOWN


def test_patterns_choose_each_scenario_once() -> None:
    chosen = [found.name for found in scenario.select(["lab-nat-*", "lab-nat-none-*"])]
    assert len(chosen) == len(set(chosen)) > 3
    assert len(scenario.select(["all"])) == len(scenario.load())


def test_a_name_that_is_none_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["run", "no-such-scenario"]) == 2
    assert "no scenario is called no-such-scenario" in capsys.readouterr().err


def test_list_prints_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(scenario.load())
