"""That SAs will follow at once: it ends by itself where none came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EXPECTED_WITHIN_S = 10.0


class Expectation:
    """True while it lasts; `over` is called where it ended in vain."""

    def __init__(self, over: Callable[[], object]) -> None:
        self._over = over
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return self._timer is not None

    def begin(self) -> None:
        """From now on; one that lasts begins anew."""
        self.end()
        self._timer = asyncio.get_running_loop().call_later(EXPECTED_WITHIN_S, self._in_vain)

    def end(self) -> None:
        """They came, or nobody waits for them any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _in_vain(self) -> None:
        self._timer = None
        self._over()
