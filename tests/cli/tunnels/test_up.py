"""`ikevpn up` and its relatives against a daemon with canned answers: what is printed where, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ikevpn.cli.exit_codes import ExitCode
from ikevpn.control import api, client
from tests.cli.stand_in import PAIR, PARIS, Ikevpn, daemon, event

STARTED = event("phase1-started", "phase 1 started with 203.0.113.2:500")
FAILED = event(
    "phase1-failed",
    "phase 1 with 203.0.113.2:500 failed: refused",
    reason="peer-refused-phase1",
    facts={"notify": "no-proposal-chosen", "offered": ("pre-g2-3des-sha", "pre-g2-des-md5")},
)
REFUSED = api.Error(
    reason="peer-refused-phase1",
    kind="peer",
    sentence="203.0.113.2:500 refuses",
    advice=("compare", "look into its log"),
)


def test_steps_and_a_last_line_with_addresses_algorithms_and_spis(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", STARTED, api.UpAnswer(tunnel=PARIS)) as requests:
        result = ikevpn("up", "paris", "--timeout", "7")
    assert requests == [api.Up(tunnel="paris", timeout_s=7.0)]
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "phase 1 started with 203.0.113.2:500",
        "paris is up: 192.0.2.1:4500 to 203.0.113.2:4500 (gw.example.net)",
        f"  {PAIR}, g14-esp-aes128gcm16, ESP in UDP, SPI in 0a0b0c0d out 01020304",
    ]


def test_a_failure_says_what_the_peer_said_what_we_offered_and_what_to_try(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", STARTED, FAILED, REFUSED):
        result = ikevpn("up", "paris")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.splitlines() == [
        "paris is not up: 203.0.113.2:500 refuses",
        "  the peer said: no-proposal-chosen",
        "  we offered: pre-g2-3des-sha, pre-g2-des-md5",
        "  try:",
        "    - compare",
        "    - look into its log",
    ]


def test_what_we_refused_is_not_put_into_the_peers_mouth(ikevpn: Ikevpn, folder: Path) -> None:
    failed = event("phase1-failed", "…", reason="wrong-peer-identity", facts={"notify": "invalid-id-information"})
    with daemon(folder / "sock", failed, api.Error(reason="wrong-peer-identity", kind="peer", sentence="another name")):
        result = ikevpn("up", "paris")
    assert "we told the peer: invalid-id-information" in result.stderr


def test_a_timeout_is_status_5(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.Error(reason="timeout", kind="peer", sentence="it was not up within 1 s")):
        assert ikevpn("up", "paris").exit_code == ExitCode.TIMEOUT


def test_who_interrupts_hears_what_was_last_and_what_to_try(
    ikevpn: Ikevpn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = event("retransmitted", "no answer from 203.0.113.2:500 yet", advice=("is UDP 500 open?",))

    def asked(path: Path, request: api.Request, timeout_s: float | None = None) -> Iterator[api.AnyReply]:
        yield silent
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "ask", asked)
    result = ikevpn("up", "paris")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert result.stderr.splitlines() == [
        "paris is not up: interrupted",
        "  the last step was: no answer from 203.0.113.2:500 yet",
        "  try: is UDP 500 open?",
    ]


def test_without_a_timeout_it_waits_to_the_end_of_the_attempt(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", STARTED, api.UpAnswer(tunnel=PARIS)) as requests:
        assert ikevpn("up", "paris").exit_code == 0
    assert requests == [api.Up(tunnel="paris", timeout_s=None)]


def test_json_is_one_object_a_line(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", STARTED, FAILED, REFUSED):
        result = ikevpn("up", "paris", "--json")
    assert [json.loads(line)["type"] for line in result.stdout.splitlines()] == ["event", "event", "error"]
    assert result.stderr == "" and result.exit_code == ExitCode.FAILED


def test_an_unknown_tunnel_starts_nothing(ikevpn: Ikevpn, folder: Path) -> None:
    result = ikevpn("up", "pariss")
    assert result.exit_code == ExitCode.UNKNOWN_TUNNEL and 'Did you mean "paris"?' in result.stderr
    assert not (folder / "sock").exists()


def test_a_broken_configuration_starts_nothing(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "paris.psk").chmod(0o644)
    result = ikevpn("up", "paris")
    assert result.exit_code == ExitCode.USAGE and "chmod 600" in result.stderr


def test_a_capture_comes_with_a_warning_and_an_absolute_path(
    ikevpn: Ikevpn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "x.pcapng").touch()
    with daemon(folder / "sock", api.UpAnswer(tunnel=PARIS)) as requests:
        result = ikevpn("up", "paris", "--capture", "x.pcapng")
    assert requests == [api.Up(tunnel="paris", capture=str(folder / "x.pcapng"))]
    assert "let anyone read" in result.stderr and "WIRESHARK_CONFIG_DIR=x.pcapng.keys" in result.stderr


@pytest.mark.parametrize("replies", [(STARTED, FAILED, REFUSED), (STARTED, api.UpAnswer(tunnel=PARIS))])
def test_the_warning_comes_once_when_it_is_recorded(
    ikevpn: Ikevpn, folder: Path, replies: tuple[api.AnyReply, ...]
) -> None:
    (folder / "x.pcapng").touch()
    with daemon(folder / "sock", *replies):
        shown = ikevpn("up", "paris", "--capture", str(folder / "x.pcapng")).stderr
    assert shown.count("let anyone read") == 1


def test_a_capture_that_is_nowhere_here_is_said_to_be_elsewhere(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.UpAnswer(tunnel=PARIS)):
        shown = ikevpn("up", "paris", "--capture", str(folder / "x.pcapng")).stderr
    assert "a /tmp and /var/tmp of its own" in shown and "/var/lib/ikevpn" in shown and "let anyone read" not in shown


def test_a_capture_that_is_refused_comes_without_the_warning(ikevpn: Ikevpn, folder: Path) -> None:
    refused = api.Error(reason="capture", kind="host", sentence="cannot create /nonexist/x: No such file or directory")
    with daemon(folder / "sock", refused):
        result = ikevpn("up", "paris", "--capture", "/nonexist/x")
    assert "cannot create /nonexist/x" in result.stderr and "let anyone read" not in result.stderr


def test_down(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.DownAnswer()) as requests:
        assert ikevpn("down", "paris").output == "paris is down\n"
    assert requests == [api.Down(tunnel="paris", timeout_s=10.0)]


def test_down_says_what_stays_blocked_and_how_to_release_it(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.DownAnswer(blocked=("10.2.2.0/24", "fd02::/64"))):
        assert ikevpn("down", "paris").output.splitlines() == [
            "paris is down",
            "  still blocked, so that nothing leaves in the clear: 10.2.2.0/24, fd02::/64",
            "  to bring it back: ikevpn up paris",
            '  to release the block: when_down = "pass" in [tunnel.paris], then ikevpn reload',
        ]


def test_down_tells_the_daemon_from_where_the_session_comes(
    ikevpn: Ikevpn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50022 192.0.2.1 22")
    refusal = api.Error(reason="cuts-off", kind="usage", sentence="it would be cut off", advice=("--yes",))
    with daemon(folder / "sock", refusal) as requests:
        result = ikevpn("down", "paris")
        assert result.exit_code == ExitCode.USAGE and "it would be cut off" in result.stderr
        assert "--yes" in result.stderr
        ikevpn("down", "paris", "--yes")
    assert requests == [
        api.Down(tunnel="paris", timeout_s=10.0, caller="198.51.100.7"),
        api.Down(tunnel="paris", timeout_s=10.0, caller="198.51.100.7", yes=True),
    ]


def test_reload_says_what_it_did(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.ReloadAnswer(added=("a", "b"), unchanged=("c",))):
        assert ikevpn("reload").output == "added: a, b\nunchanged: c\n"


def test_reload_of_a_broken_configuration_is_status_2(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.Error(reason="bad-value", kind="config", sentence="x.toml:3: wrong")):
        result = ikevpn("reload")
    assert result.exit_code == ExitCode.USAGE and result.stderr == "x.toml:3: wrong\n"


def test_rekey(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", event("child-rekeyed", "phase 2 rekeyed"), api.Done()) as requests:
        assert ikevpn("rekey", "paris", "--child", "lan").output == "phase 2 rekeyed\n"
    assert requests == [api.Rekey(tunnel="paris", child="lan", timeout_s=30.0)]


def test_log_shows_time_tunnel_and_advice(ikevpn: Ikevpn, folder: Path) -> None:
    failed = event("phase1-failed", "it failed", advice=("mend it",))
    with daemon(folder / "sock", STARTED, api.Lost(count=2), failed, api.Done()) as requests:
        lines = ikevpn("log", "paris", "-n", "5").output.splitlines()
    assert requests == [api.Log(tunnel="paris", count=5)]
    assert lines[0].endswith(" paris: phase 1 started with 203.0.113.2:500")
    assert "2 events are missing" in lines[1]
    assert lines[3].strip() == "try: mend it"
