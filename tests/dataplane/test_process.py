import asyncio
from pathlib import Path

import pytest

from ikevpn.dataplane import process
from ikevpn.dataplane.interface import DataPlaneEvent
from ikevpn.errors import HostError


def test_a_worker_that_ends_at_once_is_no_crash_but_an_error_of_start(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[DataPlaneEvent | str] = []
    monkeypatch.setattr("sys.executable", "/bin/true")

    async def story() -> None:
        with pytest.raises(HostError, match="ended as soon as it was started"):
            await process.WorkerProcess.start(events.append, events.append)

    asyncio.run(story())
    assert events == []


def test_no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")

    async def story() -> None:
        with pytest.raises(HostError, match="cannot be started: No such file"):
            await process.WorkerProcess.start(lambda _: None, lambda _: None)

    asyncio.run(story())


def test_a_worker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o700)
    monkeypatch.setattr(process, "READY_WITHIN_S", 0.1)
    monkeypatch.setattr(process, "STOP_WITHIN_S", 0.1)
    monkeypatch.setattr("sys.executable", str(silent))

    async def story() -> None:
        with pytest.raises(HostError, match="does not answer"):
            await process.WorkerProcess.start(lambda _: None, lambda _: None)

    asyncio.run(story())


def test_a_worker_inherits_no_secret() -> None:
    ours = {"PATH": "/bin", "PYTHONPATH": "/lib/mine", "LANG": "C", "IKEVPN_PSK": "swordfish", "HOME": "/root"}
    theirs = process.environment(ours)
    assert theirs["PATH"] == "/bin" and theirs["LANG"] == "C"
    assert theirs["PYTHONPATH"].split(":")[1:] == ["/lib/mine"]
    assert theirs.keys() == {"PATH", "PYTHONPATH", "LANG"}
    assert process.environment({}).keys() == {"PYTHONPATH"}
