"""`ikevpn status`: a table for people, details on demand, JSON for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from ikevpn.cli import render
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.tunnels import status_table
from ikevpn.control import api
from tests.cli.stand_in import CHILD, PAIR, PARIS, ROME, Ikevpn, daemon

ANSWER = api.StatusAnswer(
    tunnels=(PARIS, ROME), counters={"esp.packets-in": 12}, up_s=90061, configuration="/etc/ikevpn"
)


def test_the_table(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", ANSWER) as requests:
        output = ikevpn("status").output
    assert requests == [api.Status(tunnel="")]
    heading, paris, rome, *rest = output.splitlines()
    assert heading.split() == ["tunnel", "state", "peer", "networks", "since", "in", "out", "last", "in"]
    assert " ".join(paris.split()) == "paris up 203.0.113.2:4500 10.1.1.0/24 === 10.2.2.0/24 1m 35s 1.4 MB 999 B 2s ago"
    assert " ".join(rome.split()) == "rome waiting rome.example.net 0.0.0.0/0 === 0.0.0.0/0"
    assert rest == [
        "rome: phase 1 with 198.51.100.9:500 failed: no answer from 198.51.100.9:500",
        "rome: attempt 4 in 12 s",
        "2 tunnels: 1 up, 1 waiting",
    ]


def test_details(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", ANSWER):
        output = ikevpn("status", "-v").output
    for part in (
        "phase 1: 192.0.2.1:4500 to 203.0.113.2:4500 (gw.example.net), initiator, pre-g14-aes256-sha256, through NAT",
        "g14-esp-aes128gcm16, ESP in UDP, SPI in 0a0b0c0d out 01020304, renewed within 50m",
        "in 1000 packets, 1.4 MB (last 2s ago)",
        "dropped 3: replayed",
        "daemon: up 1d 1h, configuration /etc/ikevpn",
        "esp.packets-in: 12",
    ):
        assert part in output


@pytest.mark.parametrize(
    ("proposal", "ah", "line"),
    [
        ("g2-ah-sha", {}, "g2-ah-sha, AH, SPI in 0a0b0c0d out 01020304, renewed"),
        ("ah-sha", {}, "ah-sha, AH, SPI in 0a0b0c0d out 01020304, renewed"),
        (
            "g2-esp-3des-sha+ah-sha",
            {"ah_spi_in": "0a0b0c0e", "ah_spi_out": "01020305"},
            "sha+ah-sha, AH around ESP, SPI in 0a0b0c0d out 01020304, of AH in 0a0b0c0e out 01020305, renewed",
        ),
    ],
)
def test_ah_is_called_so(ikevpn: Ikevpn, folder: Path, proposal: str, ah: dict[str, str], line: str) -> None:
    child = msgspec.structs.replace(CHILD, proposal=proposal, encapsulation="none", **ah)
    paris = msgspec.structs.replace(PARIS, children=(child,))
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(paris,))):
        assert line in ikevpn("status", "-v").output


def test_manual_keys_are_called_so(ikevpn: Ikevpn, folder: Path) -> None:
    tunnel = api.TunnelState(name="paris", wanted="up", state="up", manual=True)
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(tunnel,))):
        output = ikevpn("status", "-v").output
    assert "  manual keys, no IKE" in output.splitlines() and "phase 1" not in output


def test_sending_into_the_void_is_pointed_out(ikevpn: Ikevpn, folder: Path) -> None:
    child = api.ChildState(name="a", selector="a === b", state="up", packets_out=50, packets_in=0, age_s=61)
    tunnel = api.TunnelState(name="paris", wanted="up", state="up", children=(child,))
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(tunnel,))):
        assert "a === b sends, and nothing has come in for 1m 1s" in ikevpn("status").output


@pytest.mark.parametrize(
    ("idle_in_s", "idle_out_s", "told"),
    [(90.0, 1.0, True), (90.0, 80.0, False), (5.0, 1.0, False), (90.0, None, False)],
)
def test_a_peer_that_fell_silent_is_pointed_out_where_we_send(
    ikevpn: Ikevpn, folder: Path, idle_in_s: float, idle_out_s: float | None, told: bool
) -> None:
    child = api.ChildState(
        name="a",
        selector="a === b",
        state="up",
        packets_out=50,
        packets_in=7,
        idle_in_s=idle_in_s,
        idle_out_s=idle_out_s,
    )
    tunnel = api.TunnelState(name="paris", wanted="up", state="up", children=(child,))
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(tunnel,))):
        output = ikevpn("status").output
        problems = ikevpn("status", "--problems")
    assert ("a === b sends, and nothing has come in for 1m 30s" in output) is told
    assert problems.exit_code == (ExitCode.FAILED if told else ExitCode.OK)
    assert ("no tunnel has a problem" in problems.output) is not told


def test_only_problems(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", ANSWER):
        result = ikevpn("status", "--problems")
        found = json.loads(ikevpn("status", "--problems", "--json").output)
    assert result.exit_code == ExitCode.FAILED and "paris" not in result.output and "rome: phase 1" in result.output
    assert [tunnel["name"] for tunnel in found["tunnels"]] == ["rome"]


@pytest.mark.parametrize(
    ("days", "trouble"),
    (
        (31, ""),
        (29, "the certificate CN=gw expires in 29d 0h"),
        (0.5, "the certificate CN=gw expires in 12h 0m"),
        (-1, "the certificate CN=gw has expired"),
    ),
)
def test_a_certificate_that_is_about_to_expire(ikevpn: Ikevpn, folder: Path, days: float, trouble: str) -> None:
    tunnel = msgspec.structs.replace(PARIS, certificate="CN=gw", certificate_expires_s=days * 86400)
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(tunnel,))):
        problems = ikevpn("status", "--problems")
        details = ikevpn("status", "-v").output
    assert problems.exit_code == (ExitCode.FAILED if trouble else ExitCode.OK)
    assert trouble in problems.output
    assert ("certificate CN=gw, expired" if days < 0 else "certificate CN=gw, expires in ") in details


def test_what_is_stopped_is_no_problem(ikevpn: Ikevpn, folder: Path) -> None:
    stopped = api.TunnelState(name="rome", wanted="down", state="down", last_error="it failed once")
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(stopped,))):
        assert ikevpn("status", "--problems").exit_code == 0


@pytest.mark.parametrize(
    ("words", "shown"), [(("p*",), {"paris"}), (("p*", "rome"), {"paris", "rome"}), (("*",), {"paris", "rome"})]
)
def test_patterns(ikevpn: Ikevpn, folder: Path, words: tuple[str, ...], shown: set[str]) -> None:
    with daemon(folder / "sock", ANSWER):
        found = json.loads(ikevpn("status", *words, "--json").output)
    assert {tunnel["name"] for tunnel in found["tunnels"]} == shown


def test_a_pattern_that_nothing_fits_is_status_4(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", ANSWER):
        result = ikevpn("status", "br-*")
    assert result.exit_code == ExitCode.UNKNOWN_TUNNEL and "no tunnel fits br-*; there are paris, rome" in result.stderr


def test_refused_calls_are_shown(ikevpn: Ikevpn, folder: Path) -> None:
    call = api.RefusedCall(
        remote="192.0.2.9",
        tunnel="",
        count=3,
        ago_s=12,
        code="call-refused",
        reason="wrong-version",
        sentence="192.0.2.9:500 uses IKEv2, and ikevpn supports only IKEv1",
    )
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(PARIS,), refused=(call,))):
        output = ikevpn("status").output
    assert (
        "3 requests from 192.0.2.9 failed, the last 12s ago: 192.0.2.9:500 uses IKEv2, and ikevpn supports only IKEv1"
    ) in output


def test_files_that_changed_are_named(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.StatusAnswer(tunnels=(PARIS,), changed_files=("/etc/ikevpn/x.toml",))):
        result = ikevpn("status")
    assert "/etc/ikevpn/x.toml changed since the daemon read its configuration; `ikevpn reload`" in result.stderr


LONG = "branch-office-with-a-name-of-sixty-three-characters-as-allowed"
SIX = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1000/124 === 2001:db8:1111:2222:3333:4444:5555:6660/124"


@pytest.mark.parametrize(
    ("name", "remote", "selector"),
    [
        ("paris", "192.0.2.2:500", PAIR),
        ("paris", "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:4500", SIX),
        (LONG, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:1]:4500", SIX),
    ],
)
def test_everything_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, remote: str, selector: str
) -> None:
    child = msgspec.structs.replace(CHILD, selector=selector)
    tunnel = msgspec.structs.replace(PARIS, name=name, remote=remote, children=(child, child), up_s=90061)
    monkeypatch.setattr(render, "console", lambda stderr=False: Console(force_terminal=True, width=80, no_color=True))
    monkeypatch.setenv("COLUMNS", "80")
    status_table.show((tunnel, tunnel))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert lines and max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert all(part in text for part in (name, remote, *selector.split(" === "), "2s ago"))
    assert "1.4 MB" in text or "2.8 MB" in text, "each, or both together"


def test_json_is_the_answer_itself(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", ANSWER):
        found = json.loads(ikevpn("status", "--json").output)
    assert found["tunnels"][0]["children"][0]["spi_in"] == CHILD.spi_in
    assert found["counters"] == {"esp.packets-in": 12}


def test_an_unknown_tunnel_is_status_4(ikevpn: Ikevpn, folder: Path) -> None:
    error = api.Error(reason="tunnel-unknown", kind="usage", sentence='there is no tunnel "x"')
    with daemon(folder / "sock", error):
        result = ikevpn("status", "x")
    assert result.exit_code == ExitCode.UNKNOWN_TUNNEL and 'there is no tunnel "x"' in result.output


def test_no_tunnels_at_all(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.StatusAnswer(tunnels=())):
        assert ikevpn("status").output == "no tunnels are configured\n"


def test_durations_and_amounts_are_short() -> None:
    assert [render.duration(s) for s in (0, 59, 61, 660, 3700, 90000)] == [
        "0s",
        "59s",
        "1m 1s",
        "11m",
        "1h 1m",
        "1d 1h",
    ]
    assert [render.amount(n) for n in (0, 999, 1000, 1_550_000, 10**15)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.6 MB",
        "1000.0 TB",
    ]
