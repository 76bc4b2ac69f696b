"""`ikevpn block` and `unblock`, as far as they go without root; `tests/net/test_whole_life.py` has the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ikevpn.cli.exit_codes import ExitCode
from ikevpn.config.configuration import DaemonSettings
from ikevpn.errors import HostError
from ikevpn.net.plan.journal import Journal
from ikevpn.service.host import blocking, privileges
from tests.cli.stand_in import Ikevpn


def test_nothing_is_blocked_where_the_user_wants_it_so(ikevpn: Ikevpn, folder: Path) -> None:
    _add(folder, '[daemon]\nwhen_stopped = "pass"\n')
    result = ikevpn("block")
    assert (result.exit_code, result.output) == (0, 'nothing is blocked without a daemon: when_stopped = "pass"\n')
    assert json.loads(ikevpn("block", "--json").output) == {"blocked": 0}


def test_a_broken_configuration_blocks_nothing(ikevpn: Ikevpn, folder: Path) -> None:
    (folder / "ikevpn.toml").write_text("[tunnel.paris\n")
    assert ikevpn("block").exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ('[daemon]\nstate = "/run/mine"\n[tunnel.paris]\nremote = "nobody at all"\n', "/run/mine"),
        ("[tunnel.paris\n", "/run/ikevpn"),
        (None, "/run/ikevpn"),
    ],
)
def test_a_broken_configuration_or_none_keeps_nobody_locked_out(
    ikevpn: Ikevpn, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, state: str
) -> None:
    released: list[Path] = []

    async def release(daemon: DaemonSettings) -> None:
        released.append(daemon.state)

    monkeypatch.setattr(privileges, "require", lambda: None)
    monkeypatch.setattr(blocking, "unblock", release)
    if text is None:
        (folder / "ikevpn.toml").unlink()
    else:
        (folder / "ikevpn.toml").write_text(text)
    result = ikevpn("unblock")
    assert result.exit_code == 0 and released == [Path(state)]
    assert "cannot be read or has errors (`ikevpn check`)" in result.output and state in result.output
    assert result.output.endswith("nothing is blocked any more\n")


def test_a_daemon_that_runs_has_its_own_blocks(
    ikevpn: Ikevpn, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "require", lambda: None)
    monkeypatch.setattr("ikevpn.net.host.Kernel", lambda packets: _Nothing())
    state = tmp_path / "state"
    _add(folder, f'[daemon]\nstate = "{state}"\n')
    journal = Journal(state / "host.journal")
    try:
        result = ikevpn("block")
        assert (result.exit_code, result.output) == (0, "a daemon runs, and blocks the traffic itself\n")
        assert json.loads(ikevpn("block", "--json").output) == {"daemon": True}
        result = ikevpn("unblock")
        assert result.exit_code == ExitCode.HOST and "what it blocks stays blocked" in result.output
        assert 'when_down = "pass"' in result.output
    finally:
        journal.close()


def test_what_the_host_refuses_is_told(ikevpn: Ikevpn, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> int:
        raise HostError("adding the route blackhole 10.2.2.0/24 failed: operation not permitted")

    monkeypatch.setattr(privileges, "require", lambda: None)
    monkeypatch.setattr(blocking, "block", refuse)
    monkeypatch.setattr(blocking, "unblock", refuse)
    for verb in ("block", "unblock"):
        result = ikevpn(verb)
        assert result.exit_code == ExitCode.HOST and "operation not permitted" in result.output


class _Nothing:
    def close(self) -> None:
        """Nothing is open."""


def _add(folder: Path, text: str) -> None:
    file = folder / "ikevpn.toml"
    file.write_text(file.read_text() + text)
