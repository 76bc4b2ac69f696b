from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from ikevpn.dataplane.confinement import single_thread
from ikevpn.dataplane.interface.data_plane import CANNOT_START_AGAIN
from ikevpn.dataplane.userspace.control import children
from ikevpn.dataplane.userspace.control.children import Child, Children
from ikevpn.errors import HostError
from tests.dataplane.interpreters import launcher_of, script

WITHIN_S = 30.0


async def started(all_of_them: Children) -> Child:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        return await asyncio.wait_for(all_of_them.start(theirs.fileno()), WITHIN_S)


def opened(monkeypatch: pytest.MonkeyPatch, worker: str, folder: Path) -> Children:
    monkeypatch.setattr("sys.executable", launcher_of(worker, folder))
    return Children()


def test_how_each_ended_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    worker = script('[ -e "$0.once" ] && exec sleep 60; touch "$0.once"; exit 7', tmp_path / "worker")

    async def story() -> None:
        found = opened(monkeypatch, worker, tmp_path)
        found.open()
        first = await started(found)
        assert await asyncio.wait_for(first.wait(), WITHIN_S) == 7
        second = await started(found)
        first.kill()  # has ended, and its number may be another's
        second.kill()
        assert await asyncio.wait_for(second.wait(), WITHIN_S) == -signal.SIGKILL
        await found.close()

    asyncio.run(story())


def test_no_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def story() -> None:
        monkeypatch.setattr("sys.executable", "/no/such/python")
        with pytest.raises(HostError, match="cannot be started: No such file"):
            Children().open()
        found = opened(monkeypatch, "/no/such/python", tmp_path)
        found.open()
        with pytest.raises(HostError, match="cannot be started: No such file"):
            await started(found)
        await found.close()

    asyncio.run(story())


def test_without_its_launcher_nothing_can_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def story() -> None:
        found = opened(monkeypatch, script("exec sleep 60", tmp_path / "worker"), tmp_path)
        found.open()
        child, launcher = await started(found), found.launcher
        assert launcher is not None
        os.kill(launcher, signal.SIGKILL)
        assert await asyncio.wait_for(child.wait(), WITHIN_S) is None
        with pytest.raises(HostError) as refused:
            await started(found)
        assert refused.value.reason == CANNOT_START_AGAIN and found.launcher is None
        child.kill()
        await found.close()
        os.kill(child.pid, signal.SIGKILL)

    asyncio.run(story())


def test_a_launcher_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(children, "STARTS_WITHIN_S", 0.1)
    monkeypatch.setattr(children, "ENDS_WITHIN_S", 0.1)
    monkeypatch.setattr("sys.executable", script("exec sleep 60", tmp_path / "silent"))

    async def story() -> None:
        found = Children()
        found.open()
        with pytest.raises(HostError, match="does not answer"):
            await started(found)
        await found.close()

    asyncio.run(story())


def test_workers_do_not_outlive_the_control_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that hangs is ended by the launcher."""

    async def story() -> None:
        found = opened(monkeypatch, script("exec sleep 60", tmp_path / "worker"), tmp_path)
        found.open()
        child = await started(found)
        await found.close()
        with pytest.raises(ProcessLookupError):
            os.kill(child.pid, 0)

    asyncio.run(story())


def test_a_child_inherits_no_secret() -> None:
    ours = {"PATH": "/bin", "PYTHONPATH": "/lib/mine", "LANG": "C", "IKEVPN_PSK": "swordfish", "HOME": "/root"}
    theirs = children.environment(ours)
    assert theirs["PATH"] == "/bin" and theirs["LANG"] == "C"
    assert theirs["PYTHONPATH"].split(":")[1:] == ["/lib/mine"]
    no_threads = single_thread.VARIABLES.keys()
    assert theirs.keys() == {"PATH", "PYTHONPATH", "LANG", *no_threads}
    assert children.environment({}).keys() == {"PYTHONPATH", *no_threads}
