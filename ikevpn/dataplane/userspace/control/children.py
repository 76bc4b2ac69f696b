"""Workers as the control process starts and ends them: through the launcher, whose children they are."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import ikevpn
from ikevpn.dataplane.confinement import single_thread
from ikevpn.dataplane.interface.data_plane import CANNOT_START_AGAIN
from ikevpn.dataplane.userspace.control.child_message import ChildMessage, Kind, read, write
from ikevpn.errors import HostError

_log = logging.getLogger(__name__)
STARTS_WITHIN_S = 30.0
ENDS_WITHIN_S = 10.0

_PACKAGE = str(Path(ikevpn.__file__).resolve().parent.parent)
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_ALL", "LC_CTYPE", "TZ")


class Child:
    """One worker's process."""

    def __init__(self, launcher: socket.socket, pid: int) -> None:
        self._launcher = launcher
        self.pid = pid
        self.ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def kill(self) -> None:
        """End it by force; nothing happens where it has ended."""
        if not self.ended.done() and self._launcher.fileno() >= 0:
            with contextlib.suppress(OSError):  # the launcher is gone, and so is the worker soon
                write(self._launcher, Kind.KILL, self.pid)

    async def wait(self) -> int | None:
        """Its exit status, or the number of a signal below 0; None where the launcher cannot say any more."""
        return await asyncio.shield(self.ended)


class Children:
    """All workers of one data plane, and the launcher. Belongs to one event loop."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self._starting: deque[asyncio.Future[Child]] = deque()
        self._running: dict[int, Child] = {}

    @property
    def launcher(self) -> int | None:
        """Its process."""
        return self._process.pid if self._process and self._end else None

    def open(self) -> None:
        """Start the launcher, which keeps what the control process gives up afterwards. Raises HostError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                self._process = _spawn(theirs.fileno())
            except OSError as error:
                ours.close()
                raise HostError(f"the data plane's process cannot be started: {error.strerror}") from None
        self._end = ours
        asyncio.get_running_loop().add_reader(ours, self._read, ours)

    async def start(self, channel: int) -> Child:
        """A worker with this end of its channel. Raises HostError; with the reason CANNOT_START_AGAIN for good."""
        if self._end is None:
            raise _gone()
        started: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._starting.append(started)
        try:
            write(self._end, Kind.START, descriptors=(channel,))
        except OSError:
            self._starting.remove(started)
            raise _gone() from None
        try:
            return await asyncio.wait_for(started, STARTS_WITHIN_S)
        except TimeoutError:
            raise HostError("the process that starts the data plane does not answer") from None

    async def close(self) -> None:
        """End the launcher, by force where it does not listen; it ends what workers there still are."""
        process, self._process = self._process, None
        self._lose()
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def _read(self, end: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while end.fileno() >= 0:
                message = read(end)
                if message is None:
                    _log.error("%s; tunnels go on, and the daemon ends if the data plane ends too", _gone())
                    self._lose()
                else:
                    self._take(end, message)

    def _take(self, end: socket.socket, message: ChildMessage) -> None:
        if message.kind is Kind.ENDED:
            child = self._running.pop(message.pid, None)
            if child is not None:
                child.ended.set_result(message.status)
            return
        started = self._starting.popleft()
        if message.kind is Kind.STARTED:
            child = self._running[message.pid] = Child(end, message.pid)
            if not started.done():
                started.set_result(child)
            else:
                child.kill()  # nobody waits for it any more
        elif not started.done():
            detail = os.strerror(message.status)
            started.set_exception(HostError(f"the data plane's process cannot be started: {detail}"))

    def _lose(self) -> None:
        """The launcher is gone, or is to go."""
        end, self._end = self._end, None
        if end is None:
            return
        asyncio.get_running_loop().remove_reader(end)
        end.close()
        for child in self._running.values():
            child.ended.set_result(None)
        self._running.clear()
        while self._starting:
            started = self._starting.popleft()
            if not started.done():
                started.set_exception(_gone())


def _gone() -> HostError:
    return HostError(
        "the process that starts the data plane has ended", reason=CANNOT_START_AGAIN, fix="start the daemon again"
    )


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What launcher and workers inherit: where their program is, and nothing that could be a secret."""
    inherited = {name: ours[name] for name in _INHERITED if name in ours}
    path = [_PACKAGE, *filter(None, [ours.get("PYTHONPATH")])]
    return {**inherited, **single_thread.VARIABLES, "PYTHONPATH": os.pathsep.join(path)}


def _spawn(descriptor: int) -> subprocess.Popen[bytes]:
    """The same interpreter and the same package; nothing from the working directory (-P), no secret in argv.

    Not by the loop, which would start a thread that waits for it, and keeps privileges that are given up later.
    """
    return subprocess.Popen(  # noqa: S603 - words of ours
        [sys.executable, "-P", "-m", "ikevpn.dataplane.userspace.control.launcher", str(descriptor)],
        pass_fds=(descriptor,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment(os.environ),
    )  # fmt: skip
