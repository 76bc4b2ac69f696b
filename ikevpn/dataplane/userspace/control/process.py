"""One worker process as the control process sees it: commands in, answers and events out, its end noticed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections import deque
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any, NamedTuple, Self

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.kernel.process_usage import Use
from ikevpn.dataplane.userspace.control.children import Child, Children
from ikevpn.dataplane.userspace.control.patience import Progress, waited_s
from ikevpn.dataplane.userspace.ipc import channel, message
from ikevpn.errors import HostError
from ikevpn.model.sa import SaUse, Total

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 3.0
MESSAGES_PER_TURN = 64
MOST_WAITING = 256
"""Datagrams that wait for a worker which is behind; commands that change something always wait."""

_ANSWERS = (message.Ready, message.Done, message.Uses, message.Counts)
_LOSABLE = (message.EspDatagram, message.SendIke)
_log = logging.getLogger(__name__)


class _Unsent(NamedTuple):
    """What waits for the worker; `number` says in which order."""

    number: int
    command: message.Command
    descriptors: tuple[int, ...]


class WorkerProcess:
    """`event` is called for every event, `crashed` once where the worker ends unasked. Belongs to one event loop."""

    def __init__(
        self,
        process: Child,
        end: socket.socket,
        event: Callable[[DataPlaneEvent], None],
        crashed: Callable[[str], None],
    ) -> None:
        self._process = process
        self._end = end
        self.use = Use()
        self.lost = 0  # datagrams for which there was no room
        self._heard = 0  # messages
        self._event = event
        self._crashed = crashed
        self._loop = asyncio.get_running_loop()
        self._numbers = count()
        self._unsent: deque[_Unsent] = deque()  # what must not be lost
        self._datagrams: deque[_Unsent] = deque()  # those that may be lost
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._uses: list[SaUse | Total] = []
        self._wanted = False  # its end is a crash
        self._why = ""  # it was ended by us
        self._burial: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, children: Children, event: Callable[[DataPlaneEvent], None], crashed: Callable[[str], None]
    ) -> Self:
        """Start a worker and wait until it is ready. Raises HostError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                process = await children.start(theirs.fileno())
            except HostError:
                ours.close()
                raise
        worker = cls(process, ours, event, crashed)
        ready = worker._expect()
        worker._loop.add_reader(ours, worker._read)
        try:
            _warn((await asyncio.wait_for(ready, READY_WITHIN_S)).missing)
            if ours.fileno() < 0:  # and gone meanwhile
                raise _ended()
        except TimeoutError:
            await worker.stop()
            raise HostError("the data plane's process does not answer") from None
        except HostError:
            await worker.stop()
            how = worker._why or "ended as soon as it was started"
            raise HostError(f"the data plane's process {how}") from None
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
        queue = self._datagrams if isinstance(command, _LOSABLE) else self._unsent
        queue.append(_Unsent(next(self._numbers), command, descriptors))
        self._flush()
        if len(self._datagrams) > MOST_WAITING:
            self._datagrams.popleft()
            self.lost += 1

    def ask(self, command: message.Command) -> asyncio.Future[Any]:
        """Send; the answer comes, or HostError where the worker ends meanwhile."""
        answer = self._expect()
        self.send(command)
        return answer

    @property
    def progress(self) -> Progress:
        """What tells whether it works."""
        untaken = channel.untaken(self._end) if self._end.fileno() >= 0 else 0
        return Progress(untaken, self._heard, waited_s(self.pid))

    def kill(self) -> None:
        """End a worker that hangs; what follows is what follows a crash."""
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
            while (queue := self._next()) is not None:
                channel.send(self._end, queue[0].command, queue[0].descriptors)
                queue.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._end, self._flush)
        except OSError:
            self._unsent.clear()  # the worker is gone; reading tells so and says what follows
            self._datagrams.clear()
        else:
            if self._end.fileno() >= 0:
                self._loop.remove_writer(self._end)

    def _next(self) -> deque[_Unsent] | None:
        """Where what was said first stands first."""
        waiting = [each for each in (self._unsent, self._datagrams) if each]
        return min(waiting, key=lambda each: each[0].number, default=None)

    def _read(self) -> None:
        try:
            for _ in range(MESSAGES_PER_TURN):
                received = channel.receive(self._end, most_descriptors=0)
                if received is None:
                    self._gone()
                    return
                self._heard += 1
                self._take(received.value)
        except BlockingIOError:
            return
        except OSError:
            self._gone()
        except ValueError:  # somebody else speaks in its place
            self._why = "said what no worker says, and was ended"
            self.kill()
            self._gone()

    def _take(self, value: Any) -> None:
        """Raises ValueError for what a worker has no reason to say."""
        if isinstance(value, DataPlaneEvent):
            self._event(value)
            return
        if not isinstance(value, _ANSWERS) or not self._asked:
            raise ValueError(f"{type(value).__name__} is neither an event nor an answer")
        if isinstance(value, message.Uses):
            self._uses.extend(value.uses)
            if not value.last:
                return
            value, self._uses = tuple(self._uses), []
        if isinstance(value, message.Counts):
            self.use = Use(value.cpu_s, value.resident_bytes)
        answer = self._asked.popleft()
        if not answer.done():
            answer.set_result(value)

    def _gone(self) -> None:
        self._close()
        if self._wanted:
            self._burial = self._loop.create_task(self._bury())

    async def _bury(self) -> None:
        status = await self._process.wait()
        if self._wanted:
            self._crashed(f"the data plane's process {self._why or _how(status)}")

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


def _how(status: int | None) -> str:
    if status is None:
        return "has ended"
    if status == -signal.SIGSYS:
        return "was ended by the kernel because it made a system call of another architecture (signal 31)"
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


@cache
def _warn(missing: tuple[str, ...]) -> None:
    """What the worker could not give up, once."""
    if missing:
        _log.warning(
            "the data plane's process is less confined than it should be, without %s. Grant the daemon the "
            "capabilities that are named, or start it outside the container",
            "; ".join(missing),
        )
