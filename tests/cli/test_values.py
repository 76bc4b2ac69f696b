"""What is no time to wait and no name of a file ends the command with a sentence, before anything else is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.main import main
from tests.cli.stand_in import Ikevpn


@pytest.mark.parametrize("verb", ["up", "down", "rekey"])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-5", "0", "1e300", "86401", "soon", ""])
def test_no_time_to_wait(ikevpn: Ikevpn, verb: str, seconds: str) -> None:
    result = ikevpn(verb, "paris", "--timeout", seconds)
    assert result.exit_code == ExitCode.USAGE and "'--timeout'" in result.output


@pytest.mark.parametrize("seconds", ["0.1", "86400"])
def test_a_time_to_wait(ikevpn: Ikevpn, seconds: str) -> None:
    assert ikevpn("down", "paris", "--timeout", seconds).exit_code == ExitCode.HOST, "no daemon"


@pytest.mark.parametrize(
    "words",
    [
        ("--config", "", "check"),
        ("--config=", "list"),
        ("--socket", "", "status"),
        ("daemon", "--config", ""),
        ("daemon", "--socket", ""),
        ("daemon", "--capture", ""),
        ("up", "paris", "--capture", ""),
    ],
)
def test_an_empty_name_is_not_the_folder_around(
    words: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == ExitCode.USAGE and "the name is empty." in result.output


def test_an_empty_variable_counts_as_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, ["list"], env={"IKEVPN_CONFIG": "", "IKEVPN_SOCKET": ""})
    assert "paris" not in result.output
