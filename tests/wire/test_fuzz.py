from __future__ import annotations

import random
from pathlib import Path

import pytest

from ikevpn.wire.payloads.fragment import Reassembly
from tests.wire import fuzz


def test_a_short_run_finds_nothing(corpus: Path) -> None:
    verdicts, failures, _ = fuzz.run(corpus, 1500, 0)
    assert not failures
    assert verdicts.total() == 1500
    assert all(verdicts[word] for word in ("message", "chain", "malformed"))


def test_a_case_can_be_repeated(corpus: Path) -> None:
    seeds = fuzz.messages(corpus)
    assert fuzz.mutate(seeds, random.Random(7)) == fuzz.mutate(seeds, random.Random(7))


def test_a_parser_that_fails_is_noticed(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes, reassembly: Reassembly) -> str:
        raise IndexError(len(data))

    monkeypatch.setattr(fuzz, "check", broken)
    verdicts, failures, _ = fuzz.run(corpus, 3, 5)
    assert verdicts == {"FAILED": 3}
    assert failures[0].startswith("seed 5: IndexError")


@pytest.mark.parametrize("arguments", [[], ["x"], ["1", "2", "3"]])
def test_its_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(arguments) == 2
    assert "COUNT [SEED]" in capsys.readouterr().out
