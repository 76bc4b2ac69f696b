"""The worker processes of one data plane: started together, asked together, each started again where it has ended.

Between them lie inboxes (`neighbours`), opened here and kept open, so that a worker that is started anew finds the same
ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Any

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.userspace.control.children import Children
from ikevpn.dataplane.userspace.control.patience import CHECK_EVERY_S, Patience
from ikevpn.dataplane.userspace.control.process import WorkerProcess
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.worker import neighbours
from ikevpn.errors import HostError


class Pool:
    """`count` workers by number. `equip` is called with the number of each that is ready, before it is sent anything;
    `crashed` where one ends unasked. Belongs to one event loop.
    """

    def __init__(
        self,
        count: int,
        event: Callable[[DataPlaneEvent], None],
        equip: Callable[[int], None],
        crashed: Callable[[str], None],
    ) -> None:
        self.workers: list[WorkerProcess | None] = [None] * count
        self._event = event
        self._equip = equip
        self._crashed = crashed
        self._inboxes: list[tuple[socket.socket, socket.socket]] = []
        self._children: Children | None = None

    @property
    def running(self) -> list[WorkerProcess]:
        """Those that run."""
        return [worker for worker in self.workers if worker is not None]

    def open(self) -> None:
        """Start what starts them, unless it runs. Raises HostError."""
        if self._children is None:
            children = Children()
            children.open()
            self._children = children

    async def start(self) -> None:
        """Start those that do not run. Raises HostError for the first that fails; the others run then."""
        self.open()
        if len(self.workers) > 1 and not self._inboxes:
            self._inboxes = [neighbours.open_inbox() for _ in self.workers]
        missing = [number for number, worker in enumerate(self.workers) if worker is None]
        results = await asyncio.gather(*map(self._start, missing), return_exceptions=True)
        for result in results:
            if result is not None:
                raise result

    async def stop(self) -> None:
        """End them all."""
        running = self.running
        self.workers = [None] * len(self.workers)
        await asyncio.gather(*(worker.stop() for worker in running))
        if self._children is not None:
            await self._children.close()
            self._children = None
        for inbox in self._inboxes:
            for end in inbox:
                end.close()
        self._inboxes.clear()

    def send(self, number: int, command: message.Command, *descriptors: int) -> None:
        """To one worker; it is lost where that one does not run, and `equip` has to see to it."""
        worker = self.workers[number]
        if worker is not None:
            worker.send(command, *descriptors)

    def send_all(self, command: message.Command, *, but: int | None = None) -> None:
        """To all that run, perhaps but one."""
        for number in range(len(self.workers)):
            if number != but:
                self.send(number, command)

    async def ask(self, number: int, command: message.Command) -> None:
        """One that does not run, or ends meanwhile, needs no asking. One that hangs is ended."""
        worker = self.workers[number]
        if worker is not None:
            with contextlib.suppress(HostError):
                await _ask(worker, command)

    async def ask_all(self, command: message.Command) -> list[Any]:
        """The answers of all that run. Raises HostError where one ends meanwhile, or hangs; then it is ended."""
        return await self.ask_each(dict.fromkeys(range(len(self.workers)), command))

    async def ask_each(self, commands: Mapping[int, message.Command]) -> list[Any]:
        """The same of some, each with a question of its own."""
        running = [(worker, command) for number, command in commands.items() if (worker := self.workers[number])]
        if len(running) == 1:
            return [await _ask(*running[0])]
        answers = await asyncio.gather(*(_ask(*each) for each in running), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    async def _start(self, number: int) -> None:
        def crashed(detail: str) -> None:
            self.workers[number] = None
            self._crashed(detail)

        assert self._children is not None
        self.workers[number] = await WorkerProcess.start(self._children, self._event, crashed)
        for other, (reading, writing) in enumerate(self._inboxes):
            if other == number:
                self.send(number, message.UseInbox(), reading.fileno())
            else:
                self.send(number, message.UseNeighbour(other), writing.fileno())
        self._equip(number)


async def _ask(worker: WorkerProcess, command: message.Command) -> Any:
    """Its answer, however long that takes while it works."""
    loop = asyncio.get_running_loop()
    answer = worker.ask(command)
    patience = Patience(loop.time())
    try:
        while not (await asyncio.wait([answer], timeout=CHECK_EVERY_S))[0]:
            if patience.ends(worker.progress, loop.time()):
                worker.kill()
                raise HostError("the data plane's process does not answer", reason="data-plane-gone")
        return answer.result()
    finally:
        answer.cancel()
