"""What exchanges ask the world outside: who answers which kind of question, and how the answer gets back to the engine.

That a deadline has passed is the engine's to notice. Here it ends the work on an answer that nobody needs any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ikevpn.ike.state.effects import Ask
from ikevpn.ike.values.question import Answer, Question, Ticket

Answerer = Callable[[Any], Awaitable[Answer]]
"""Takes a question of its kind."""
_log = logging.getLogger(__name__)


class Questions:
    """To be made inside the event loop. `tell` hands an answer to the engine."""

    def __init__(self, answerers: Mapping[type[Question], Answerer], tell: Callable[[Ticket, Answer], None]) -> None:
        self._answerers = answerers
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, effect: Ask) -> None:
        """Find an answer; it comes later, never at once."""
        task = self._loop.create_task(self._answer(effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, effect: Ask) -> None:
        kind = type(effect.question)
        answerer = self._answerers.get(kind)
        if answerer is None:
            unknown = f"nothing on this host answers a question of the kind {kind.__name__}"
            self._tell(effect.ticket, Answer(trouble=unknown))
            return
        try:
            async with asyncio.timeout_at(effect.deadline):
                answer = await answerer(effect.question)
        except TimeoutError:
            return  # the engine has noticed, by its own timer
        except Exception:
            _log.exception("internal error: a question of the kind %s was not answered", kind.__name__)
            answer = Answer(trouble="internal error; the log of the daemon has more")
        self._tell(effect.ticket, answer)

    async def close(self) -> None:
        """Nobody needs the answers any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
