"""What is wanted of one tunnel and what it is: starts it, starts it again for as long as it is wanted, and never gives
up.

Knows names of children and what became of them, nothing of sockets, devices or configuration; those are behind
`Reach`. Every attempt looks the peer's name up again and tries all of its addresses in turn. Pauses between attempts
grow to a cap and are jittered, so that a hundred tunnels to one rebooting gateway do not call at the same moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ikevpn.ike.state.effects import AttemptFailed, ChildDown, ChildUp, Phase1Down, StateChange
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.tunnel.failure import Cause, Failure
from ikevpn.service.tunnel.wishes import Resolved, Wanted, Wish, Wisher, resolve

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
GROWTH = 2.0
LONGEST_ATTEMPT_S = 300.0
"""The engine ends every attempt by itself; this is for the day when it does not."""
_log = logging.getLogger(__name__)


class Unreachable(Exception):
    """There is no way to the peer now; carries why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.event.code)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class PeerPath:
    """From where to where to talk."""

    local: Endpoint
    remote: Endpoint


class Reach(Protocol):
    """How a keeper acts."""

    async def paths(self) -> Sequence[PeerPath]:
        """Ways to the peer, best first. Raises Unreachable."""

    def initiate(self, path: PeerPath, children: tuple[str, ...]) -> None:
        """Start a negotiation; what becomes of it comes back through `Keeper.changed`."""

    def report(self, event: Event) -> None: ...


def pause_s(failures: int, chance: float) -> float:
    """Seconds to wait after `failures` attempts in a row failed; `chance` in [0, 1) spreads it by a quarter to both
    sides.
    """
    return min(FIRST_PAUSE_S * GROWTH ** min(failures - 1, 30), LONGEST_PAUSE_S) * (0.75 + chance / 2)


class Keeper:
    """Keeps one tunnel as it is wanted. `children` maps names to reqids."""

    def __init__(
        self, name: str, children: Mapping[str, int], reach: Reach, chance: Callable[[], float] = random.random
    ) -> None:
        self.name = name
        self.failures = 0
        self.last_failure: Failure | None = None
        self.next_attempt: float | None = None
        self._children = dict(children)
        self._reach = reach
        self._chance = chance
        self._up: set[tuple[str, int]] = set()  # names and reqids: a dialup child is up once for every peer
        self._wishes: dict[Wisher, Wish] = {}
        self._pending: set[str] = set()
        self._settled: asyncio.Event = asyncio.Event()
        self._hurry = asyncio.Event()
        self._striving: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[Failure | None]] = []

    # Inputs

    def want(self, wanted: Wanted, wisher: Wisher = Wisher.USER) -> None:
        """Somebody has another wish. That of the user puts an end to what a monitor made of the one before.

        Going down is the caller's business; from here on nothing is started for it.
        """
        if wisher is Wisher.USER:
            self._wishes.pop(Wisher.MONITOR, None)
        self._wishes[wisher] = Wish(wanted)
        self.begin_again()

    def withdraw(self, wisher: Wisher) -> None:
        """Somebody has no wish any more: the others count."""
        self._wishes.pop(wisher, None)
        self.begin_again()

    def begin_again(self) -> None:
        """Whatever was under way: what is wanted now is tried at once. What traffic has asked for, it asks again."""
        self._wishes.pop(Wisher.TRAFFIC, None)
        self._stop_striving()
        self._judge()

    def wish_of(self, wisher: Wisher) -> Wanted | None:
        """What somebody wants; None: nothing."""
        wish = self._wishes.get(wisher)
        return wish.wanted if wish is not None else None

    def acquire(self, reqid: int) -> None:
        """A packet wants out through the child with `reqid`."""
        names = [name for name, number in self._children.items() if number == reqid]
        if self.wanted is Wanted.ON_DEMAND:
            self._demand(self._demanded.union(names))
            self._judge()

    def hurry(self) -> None:
        """What kept the last attempt from success may be gone: the next one need not wait."""
        self._hurry.set()

    def changed(self, change: StateChange) -> None:
        """The state of this tunnel has changed."""
        match change:
            case ChildUp():
                self._up.add((change.child, change.reqid))
                self._settle(change.child)
            case ChildDown():
                self._up.discard((change.child, change.reqid))
                self._demand(self._demanded - {change.child})
            case AttemptFailed():
                self._failed(Failure(change.event, child=change.child))
            case Phase1Down() if self._pending and not change.replaced:
                self._failed(Failure(change.event))
        self._judge()

    def _failed(self, failure: Failure) -> None:
        self.last_failure = failure
        if failure.child:
            self._settle(failure.child)
        else:
            self._settle_all()

    async def outcome(self) -> Failure | None:
        """Waits until all children are up (None) or an attempt failed (why)."""
        if not self.missing():
            return None
        waiter: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        finally:
            self._waiters.remove(waiter)

    async def close(self) -> None:
        """Start nothing any more."""
        self._wishes = {Wisher.USER: Wish(Wanted.DOWN)}
        striving = self._striving
        self._stop_striving()
        self._tell(Failure(Event(Code.PHASE1_FAILED, self.name, Reason.REQUESTED)))
        if striving is not None:
            await asyncio.gather(striving, return_exceptions=True)

    # What it is

    @property
    def wanted(self) -> Wanted:
        """What comes of all wishes."""
        return self._resolved.wanted

    def missing(self) -> set[str]:
        """Children that are wanted now and are not up."""
        return set(self._resolved.children - self.up)

    @property
    def _resolved(self) -> Resolved:
        return resolve(self._wishes, self._children.keys())

    @property
    def _demanded(self) -> frozenset[str]:
        wish = self._wishes.get(Wisher.TRAFFIC)
        return (wish.children if wish is not None else None) or frozenset()

    def _demand(self, children: frozenset[str]) -> None:
        """What traffic wants from now on."""
        self._wishes[Wisher.TRAFFIC] = Wish(Wanted.UP, children)

    @property
    def up(self) -> set[str]:
        """Names of the children that are up."""
        return {name for name, _ in self._up}

    @property
    def state(self) -> str:
        """One word for people."""
        if self._pending:
            return "connecting"
        if self._up:
            return "up" if self._children.keys() <= self.up else "partly up"
        if self.missing():
            return "waiting" if self.next_attempt is not None else "connecting"
        return {Wanted.ON_DEMAND: "ready", Wanted.LISTEN: "listening"}.get(self.wanted, "down")

    # Striving

    def _judge(self) -> None:
        missing = self.missing()
        if not missing:
            self._tell(None)
        elif self._striving is None:
            self._striving = asyncio.create_task(self._strive(), name=f"tunnel {self.name}")

    async def _strive(self) -> None:
        try:
            while missing := self.missing():
                await self._attempt(missing)
                if not self.missing():
                    break
                self._demand(frozenset())
                self.failures += 1
                self._tell(self.last_failure)
                await self._pause()
            self.failures = 0
        finally:
            self._pending.clear()
            self.next_attempt = None
            if self._striving is asyncio.current_task():
                self._striving = None

    async def _attempt(self, missing: set[str]) -> None:
        """One try; what comes of it is in `_up` and `last_failure`. A mistake of ours costs this try and no more."""
        try:
            await self._try_all(await self._reach.paths(), missing)
        except Unreachable as unreachable:
            failure = unreachable.failure
        except Exception as error:
            _log.exception("%s: an attempt was not made to its end", self.name)
            facts = {"detail": f"{type(error).__name__}: {error}"}
            failure = Failure(Event(Code.INTERNAL_ERROR, self.name, facts=facts), Cause.INTERNAL)
        else:
            return
        self._failed(failure)
        self._reach.report(failure.event)

    async def _try_all(self, paths: Sequence[PeerPath], missing: set[str]) -> None:
        for path in paths:
            self._pending = missing - self.up
            self._settled.clear()
            self._reach.initiate(path, tuple(sorted(self._pending)))
            try:
                async with asyncio.timeout(LONGEST_ATTEMPT_S):
                    if self._pending:
                        await self._settled.wait()
            except TimeoutError:
                self._settle_all()
            if not missing - self.up or (self.last_failure and self.last_failure.child):
                return

    async def _pause(self) -> None:
        seconds = pause_s(self.failures, self._chance())
        self.next_attempt = asyncio.get_running_loop().time() + seconds
        if self.wanted is Wanted.UP:
            self._reach.report(Event(Code.RETRY_LATER, self.name, facts={"seconds": round(seconds, 1)}))
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)
        self.next_attempt = None

    def _stop_striving(self) -> None:
        if self._striving is not None:
            self._striving.cancel()
            self._striving = None
        self._pending.clear()
        self.next_attempt = None
        self.failures = 0

    def _settle(self, child: str) -> None:
        self._pending.discard(child)
        if not self._pending:
            self._settled.set()

    def _settle_all(self) -> None:
        self._pending.clear()
        self._settled.set()

    def _tell(self, outcome: Failure | None) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(outcome)
