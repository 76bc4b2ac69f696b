"""One worker process as the control process sees it: commands in, answers and events out, its end noticed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import ikevpn
from ikevpn.dataplane import channel, message
from ikevpn.dataplane.interface import DataPlaneEvent
from ikevpn.errors import HostError
from ikevpn.model.sa import SaUse, Total

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 3.0
MESSAGES_PER_TURN = 64
MOST_WAITING = 256
"""Datagrams that wait for a worker which is behind; commands that change something always wait."""

_PACKAGE = str(Path(ikevpn.__file__).resolve().parent.parent)
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_ANSWERS = (message.Done, message.Uses, message.Counts)
_LOSABLE = (message.EspDatagram, message.SendIke)


class WorkerProcess:
    """`event` is called for every event, `crashed` once where the worker ends unasked. Belongs to one event loop."""

    def __init__(
        self,
        process: Process,
        end: socket.socket,
        event: Callable[[DataPlaneEvent], None],
        crashed: Callable[[str], None],
    ) -> None:
        self._process = process
        self._end = end
        self.lost = 0  # datagrams for which there was no room
        self._event = event
        self._crashed = crashed
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[tuple[message.Command, tuple[int, ...]]] = deque()
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._uses: list[SaUse | Total] = []
        self._wanted = False  # its end is a crash
        self._killed = False
        self._burial: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, event: Callable[[DataPlaneEvent], None], crashed: Callable[[str], None]) -> Self:
        """Start a worker and wait until it is ready. Raises HostError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = await _spawn(theirs.fileno())
            except OSError as error:
                ours.close()
                raise HostError(f"the data plane's process cannot be started: {error.strerror}") from None
        worker = cls(process, ours, event, crashed)
        ready = worker._expect()
        worker._loop.add_reader(ours, worker._read)
        try:
            await asyncio.wait_for(ready, READY_WITHIN_S)
        except TimeoutError:
            await worker.stop()
            raise HostError("the data plane's process does not answer") from None
        except HostError:
            await worker.stop()
            raise HostError("the data plane's process ended as soon as it was started") from None
        worker._wanted = True
        return worker

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def send(self, command: message.Command, *descriptors: int) -> None:
        """In order; a worker that is behind gets it later. `descriptors` must stay open until the next answer.

        Of the datagrams that wait, which anybody may have called forth, the oldest is lost where there are too many.
        """
        self._unsent.append((command, descriptors))
        self._flush()
        if not isinstance(command, _LOSABLE):
            return
        waiting = [each for each in self._unsent if isinstance(each[0], _LOSABLE)]
        if len(waiting) > MOST_WAITING:
            self._unsent.remove(waiting[0])
            self.lost += 1

    async def ask(self, command: message.Command) -> Any:
        """Send and await the answer. Raises HostError where the worker ends meanwhile."""
        answer = self._expect()
        self.send(command)
        return await answer

    def kill(self) -> None:
        """End a worker that hangs; what follows is what follows a crash.

        Once only: to kill a process that has ended takes its exit status away from those who wait for it.
        """
        if self._killed:
            return
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """End the worker, by force where it does not listen."""
        self._wanted = False
        with contextlib.suppress(HostError, TimeoutError):
            await asyncio.wait_for(self.ask(message.Stop()), STOP_WITHIN_S)
        self._close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_WITHIN_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _expect(self) -> asyncio.Future[Any]:
        answer = self._loop.create_future()
        if self._end.fileno() < 0:
            answer.set_exception(_ended())
        else:
            self._asked.append(answer)
        return answer

    def _flush(self) -> None:
        try:
            while self._unsent:
                channel.send(self._end, *self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._end, self._flush)
        except OSError:
            self._unsent.clear()  # the worker is gone; reading tells so and says what follows
        else:
            if self._end.fileno() >= 0:
                self._loop.remove_writer(self._end)

    def _read(self) -> None:
        try:
            for _ in range(MESSAGES_PER_TURN):
                received = channel.receive(self._end)
                if received is None:
                    self._gone()
                    return
                self._take(received.value)
        except BlockingIOError:
            return
        except OSError:
            self._gone()

    def _take(self, value: Any) -> None:
        if not isinstance(value, _ANSWERS):
            self._event(value)
            return
        if isinstance(value, message.Uses):
            self._uses.extend(value.uses)
            if not value.last:
                return
            value, self._uses = tuple(self._uses), []
        answer = self._asked.popleft()
        if not answer.done():
            answer.set_result(value)

    def _gone(self) -> None:
        self._close()
        if self._wanted:
            self._burial = self._loop.create_task(self._bury())

    async def _bury(self) -> None:
        status = await self._process.wait()
        if not self._wanted:
            return
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._crashed(f"the data plane's process {how}")

    def _close(self) -> None:
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end)
            self._loop.remove_writer(self._end)
            self._end.close()
        while self._asked:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(_ended())


def _ended() -> HostError:
    return HostError("the data plane's process has ended", reason="data-plane-gone")


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What a worker inherits: where its program is, and nothing that could be a secret."""
    inherited = {name: ours[name] for name in _INHERITED if name in ours}
    path = [_PACKAGE, *filter(None, [ours.get("PYTHONPATH")])]
    return {**inherited, "PYTHONPATH": os.pathsep.join(path)}


async def _spawn(descriptor: int) -> Process:
    """The same interpreter and the same package; nothing from the working directory (-P), no secret in argv."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "ikevpn.dataplane.worker", str(descriptor),
        pass_fds=(descriptor,), stdin=DEVNULL, stdout=DEVNULL, env=environment(os.environ),
    )  # fmt: skip
