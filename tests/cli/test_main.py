"""All verbs are there, explain themselves, and end with the status that the table promises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ikevpn import __version__
from ikevpn.cli import exit_codes
from ikevpn.cli.context import child_names
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.main import main
from ikevpn.errors import ConfigError, HostError, IkevpnError, UsageError
from tests.cli.stand_in import Ikevpn
from tests.conftest import REPOSITORY

VERBS = [
    "up",
    "down",
    "status",
    "list",
    "log",
    "check",
    "reload",
    "version",
    "daemon",
    "rekey",
    "restart",
    "explain",
    "pki",
    "completion",
    "metrics",
    "block",
    "unblock",
]


def command(verb: str) -> click.Command:
    """As the group finds it."""
    found = main.get_command(click.Context(main), verb)
    assert found is not None
    return found


def test_the_verbs_are_these() -> None:
    assert sorted(main.list_commands(click.Context(main))) == sorted(VERBS)


def test_status_imports_nothing_of_the_host() -> None:
    """Netlink, asyncio, the ciphers and certificates cost half a second, and `status` is called by monitoring."""
    script = "import sys; from ikevpn.cli.main import main; main.get_command(None, 'status'); print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {"pyroute2", "numpy", "cryptography.x509"}.isdisjoint(printed)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(ikevpn: Ikevpn, verb: str) -> None:
    result = ikevpn(verb, "--help")
    assert result.exit_code == 0 and result.output.startswith("Usage:")
    assert command(verb).get_short_help_str(200)


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"daemon", "completion", "pki"}))
def test_every_verb_that_prints_knows_json(verb: str) -> None:
    assert "--json" in {option for parameter in command(verb).params for option in parameter.opts}


def test_help_lists_the_exit_codes(ikevpn: Ikevpn) -> None:
    output = ikevpn("--help").output
    assert all(f"{code.value}  {meaning}" in output for code, meaning in exit_codes.MEANINGS.items())


def test_the_page_of_exit_codes_is_made_from_the_table() -> None:
    assert (REPOSITORY / "docs" / "exit-codes.md").read_text() == exit_codes.document()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x", reason="unknown-key"), ExitCode.USAGE),
        (HostError("x", reason="port-in-use"), ExitCode.HOST),
        (UsageError("x"), ExitCode.USAGE),
        (UsageError("x", reason="tunnel-unknown"), ExitCode.UNKNOWN_TUNNEL),
        (IkevpnError("x"), ExitCode.FAILED),
    ],
)
def test_errors_end_with_their_status(error: IkevpnError, code: ExitCode) -> None:
    assert exit_codes.of_error(error) is code


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("no-tun", "host", ExitCode.HOST),
        ("tunnel-unknown", "usage", ExitCode.UNKNOWN_TUNNEL),
        ("timeout", "peer", ExitCode.TIMEOUT),
        ("wrong-secret", "peer", ExitCode.FAILED),
        ("bad-value", "config", ExitCode.USAGE),
    ],
)
def test_errors_of_the_daemon_too(reason: str, kind: str, code: ExitCode) -> None:
    assert exit_codes.of_reason(reason, kind) is code


@pytest.mark.parametrize("words", [("status",), ("down", "paris"), ("reload",), ("log",), ("rekey", "paris")])
def test_without_a_daemon_they_say_how_to_get_one(ikevpn: Ikevpn, words: tuple[str, ...]) -> None:
    result = ikevpn(*words)
    assert result.exit_code == ExitCode.HOST
    assert "no daemon answers at" in result.output and "ikevpn daemon" in result.output


def test_errors_are_json_when_asked(ikevpn: Ikevpn) -> None:
    reply = json.loads(ikevpn("status", "--json").output)
    assert (reply["type"], reply["reason"], reply["kind"]) == ("error", "no-daemon", "host")
    assert "ikevpn daemon" in reply["advice"][0]


def test_errors_of_the_configuration_too(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text('[tunnel.paris]\nremot = "203.0.113.2"\n')
    reply = json.loads(ikevpn("list", "--json").output)
    assert reply["kind"] == "config"
    assert 'Did you mean "remote"?' in reply["sentence"]


def test_version_needs_no_daemon(ikevpn: Ikevpn) -> None:
    assert f"ikevpn {__version__}\nno daemon is running" in ikevpn("version").output
    assert json.loads(ikevpn("version", "--json").output) == {"version": __version__, "protocol": 1, "daemon": None}


def test_list_shows_what_is_configured(ikevpn: Ikevpn) -> None:
    line = ikevpn("list").output.splitlines()[1]
    assert line.split() == ["paris", "203.0.113.2", "10.1.1.0/24", "===", "10.2.2.0/24", "up", "policy", "ikevpn0"]
    assert re.search(r"/paris\.psk \([0-9a-f]{4}\)$", ikevpn("list", "-v").output.splitlines()[1])
    (row,) = json.loads(ikevpn("list", "--json").output)
    assert row["name"] == "paris" and row["routes"] == ["10.2.2.0/24"] and "fingerprint" not in row
    (row,) = json.loads(ikevpn("list", "-v", "--json").output)
    assert row["secret"].endswith("/paris.psk") and re.fullmatch("[0-9a-f]{4}", row["fingerprint"])


def test_list_of_a_broken_configuration_is_status_2(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text('[tunnel.paris]\nremot = "203.0.113.2"\n')
    result = ikevpn("list")
    assert result.exit_code == ExitCode.USAGE and 'Did you mean "remote"?' in result.output


def test_explain_knows_every_code(ikevpn: Ikevpn) -> None:
    lines = ikevpn("explain").output.splitlines()
    names = [line.partition(": ")[0] for line in lines]
    assert "wrong-secret" in names and "none" not in names
    assert names == json.loads(ikevpn("explain", "--json").output)
    for name, line in zip(names, lines, strict=True):
        result = ikevpn("explain", name)
        assert result.exit_code == 0 and result.output.splitlines()[0] == line
        assert len(line) > len(f"{name}: ")
        assert "{" not in re.sub(r'{ file = "[\w.]+" }', "", result.output)
        assert "unknown" not in result.output.replace(name, "")


def test_explain_of_nothing_known_is_status_2(ikevpn: Ikevpn) -> None:
    result = ikevpn("explain", "fnord")
    assert result.exit_code == ExitCode.USAGE and "`ikevpn explain` lists them" in result.output


def test_children_are_completed_by_name_with_what_status_shows(folder: Path) -> None:
    context = main.make_context("ikevpn", ["--config", str(folder), "rekey"], resilient_parsing=True)
    rekey = click.Context(command("rekey"), parent=context)
    rekey.params["tunnel"] = "paris"
    (found,) = child_names(rekey, command("rekey").params[1], "10.1")
    assert (found.value, found.help) == ("10.1.1.0/24-10.2.2.0/24", "10.1.1.0/24 === 10.2.2.0/24")
    assert child_names(rekey, command("rekey").params[1], "x") == []
    rekey.params["tunnel"] = "nowhere"
    assert child_names(rekey, command("rekey").params[1], "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(ikevpn: Ikevpn, shell: str) -> None:
    output = ikevpn("completion", shell).output
    assert "_IKEVPN_COMPLETE" in output and "ikevpn" in output
