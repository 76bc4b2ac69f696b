"""Several tunnels at once: names, patterns, all of them, and what comes of it where one fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.tunnels import several
from ikevpn.control import api
from ikevpn.errors import UsageError
from tests.cli.stand_in import PARIS, ROME, Ikevpn, daemon

NAMES = ("br-1", "br-2", "hub")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("hub",), ["hub"]),
        (("br-*",), ["br-1", "br-2"]),
        (("hub", "br-?"), ["br-1", "br-2", "hub"]),
        (("*",), [*NAMES]),
    ],
)
def test_words_and_patterns(words: tuple[str, ...], found: list[str]) -> None:
    assert several.matching(NAMES, words) == found


@pytest.mark.parametrize("word", ["x-*", "bra"])
def test_what_fits_nothing(word: str) -> None:
    with pytest.raises(UsageError) as raised:
        several.matching(NAMES, [word])
    assert raised.value.reason == "tunnel-unknown"


@pytest.mark.parametrize("verb", ["up", "down", "restart"])
@pytest.mark.parametrize("words", [(), ("--all", "paris")])
def test_one_must_say_which(ikevpn: Ikevpn, verb: str, words: tuple[str, ...]) -> None:
    result = ikevpn(verb, *words)
    assert result.exit_code == ExitCode.USAGE and "--all" in result.stderr


def test_up_of_all_has_a_line_each(ikevpn: Ikevpn, folder: Path) -> None:
    """The stand-in says the same to every request, so that `paris` comes up three times."""
    replies = (api.Remark(sentence="by the way"), api.StatusAnswer(tunnels=(PARIS, ROME)))
    with daemon(folder / "sock", *replies) as requests:
        result = ikevpn("status", "*")
    assert result.exit_code == 0 and "warning: by the way" in result.stderr and len(requests) == 1


def test_down_of_all_asks_for_each(ikevpn: Ikevpn, folder: Path) -> None:
    answers = {api.Status: api.StatusAnswer(tunnels=(PARIS, ROME)), api.Down: api.DownAnswer()}
    with daemon(folder / "sock", answers=answers) as requests:
        result = ikevpn("down", "--all")
    assert sorted(result.output.splitlines()) == ["paris is down", "rome is down"]
    assert {each.tunnel for each in requests if isinstance(each, api.Down)} == {"paris", "rome"}


def test_the_status_of_the_first_that_failed(ikevpn: Ikevpn, folder: Path) -> None:
    answers = {
        api.Status: api.StatusAnswer(tunnels=(PARIS, ROME)),
        api.Version: api.VersionAnswer(daemon="1", protocol=1, pid=1),
        api.Up: api.Error(reason="no-answer", kind="peer", sentence="no answer"),
    }
    with daemon(folder / "sock", answers=answers) as requests:
        result = ikevpn("up", "--all", "--json")
    assert result.exit_code == ExitCode.FAILED
    assert [json.loads(line)["type"] for line in result.stdout.splitlines()] == ["error", "error"]
    assert {each.tunnel for each in requests if isinstance(each, api.Up)} == {"paris", "rome"}


def test_restart_says_what_came_of_it(ikevpn: Ikevpn, folder: Path) -> None:
    waiting = api.TunnelState(name="paris", wanted="listen", state="listening")
    with daemon(folder / "sock", api.UpAnswer(tunnel=waiting)) as requests:
        assert ikevpn("restart", "paris").output == "paris listens: only the peer can start it\n"
    assert requests == [api.Restart(tunnel="paris")]
