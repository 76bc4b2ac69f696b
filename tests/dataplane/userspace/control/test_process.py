from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.userspace.control import process
from ikevpn.dataplane.userspace.control.children import Children
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.errors import HostError
from tests.dataplane.interpreters import launcher_of, script


def run(story: Callable[[Children], Awaitable[None]]) -> None:
    async def whole() -> None:
        children = Children()
        children.open()
        try:
            await story(children)
        finally:
            await children.close()

    asyncio.run(whole())


def test_a_worker_that_ends_at_once_is_no_crash_but_an_error_of_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    events: list[DataPlaneEvent | str] = []
    monkeypatch.setattr("sys.executable", launcher_of("/bin/true", tmp_path))

    async def story(children: Children) -> None:
        with pytest.raises(HostError, match="ended as soon as it was started"):
            await process.WorkerProcess.start(children, events.append, events.append)

    run(story)
    assert events == []


def test_a_worker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "READY_WITHIN_S", 0.1)
    monkeypatch.setattr(process, "STOP_WITHIN_S", 0.1)
    monkeypatch.setattr("sys.executable", launcher_of(script("exec sleep 60", tmp_path / "silent"), tmp_path))

    async def story(children: Children) -> None:
        with pytest.raises(HostError, match="does not answer"):
            await process.WorkerProcess.start(children, lambda _: None, lambda _: None)

    run(story)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("said", ["'nonsense'", "message.Query()", "message.Done()"])
def test_a_worker_that_says_what_no_worker_says_is_ended(
    said: str, later: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever has taken it over: it is no more than an end of a channel."""
    program = (
        "import socket, sys, time\n"
        "from ikevpn.dataplane.userspace.ipc import channel\nfrom ikevpn.dataplane.userspace.ipc import message\n"
        "end = socket.socket(fileno=int(sys.argv[-3]))\n"
        "channel.send(end, message.Ready())\n"
        f"end.recv(1) if {later} else None\n"
        f"said = {said}\n"
        "channel.send(end, said) if said != 'nonsense' else end.send(said.encode())\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "program").write_text(program)
    worker = script(f'exec {sys.executable} {tmp_path}/program "$@"', tmp_path / "worker")
    monkeypatch.setattr("sys.executable", launcher_of(f"{worker}", tmp_path))

    async def story(children: Children) -> None:
        crashed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        try:
            worker = await process.WorkerProcess.start(children, lambda _: None, crashed.set_result)
        except HostError as error:  # at once, so that it may be noticed before the start is over
            assert not later and "said what no worker says" in str(error)
            return
        worker.send(message.DropDevice("vpn"))
        assert "said what no worker says" in await asyncio.wait_for(crashed, 30.0)

    run(story)


def test_what_is_not_in_force_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        process._warn(("a user of its own (CAP_SETUID is missing)", "an empty root"))
    (record,) = caplog.records
    assert "less confined than it should be, without a user of its own (CAP_SETUID is missing); an empty root" in (
        record.getMessage()
    )
