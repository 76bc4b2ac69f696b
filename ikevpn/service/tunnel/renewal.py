"""Waits until children of a tunnel, and its phase 1, have new keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from ikevpn.ike.state.effects import AttemptFailed, ChildUp, Phase1Up, StateChange
from ikevpn.service.tunnel.failure import Failure

PHASE1 = ""
"""In place of the name of a child."""


class Renewal:
    """`outcome` is None once all `names` are renewed, or the first failure."""

    def __init__(self, names: Iterable[str]) -> None:
        self._waiting = set(names)
        self.outcome: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()

    def changed(self, change: StateChange) -> None:
        """The state of the tunnel has changed."""
        match change:
            case ChildUp():
                self._renewed(change.child)
            case Phase1Up():
                self._renewed(PHASE1)
            case AttemptFailed() if not self.outcome.done():
                self.outcome.set_result(Failure(change.event, child=change.child))

    def _renewed(self, name: str) -> None:
        self._waiting.discard(name)
        if not self._waiting and not self.outcome.done():
            self.outcome.set_result(None)
