"""Work that goes on to its end, whoever asked for it and however long they wait: half done it would leave a tunnel or
the host as nobody has described it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from ikevpn.errors import IkevpnError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Tasks:
    """What is under way."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Its result, or what it raises. Where the caller is cancelled it goes on, and what it raises is logged."""
        task = self._start(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Nobody has to wait for it; what it raises is logged."""
        task = self._start(work)
        task.add_done_callback(_log_failure)
        return task

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    async def close(self) -> None:
        """Cancel what is under way, for good."""
        for task in self._under_way:
            task.cancel()
        await self.settled()

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task


def _log_failure(task: asyncio.Task[Any]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, IkevpnError):
        _log.error("%s", error)
    else:
        _log.error("work was not done to its end because of an internal error", exc_info=error)
