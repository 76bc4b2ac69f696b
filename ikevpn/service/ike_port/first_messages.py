"""First messages of strangers wait here, for anybody can send any number of them: few are kept, and they are drawn, not
taken in turn, so that a flood leaves its share to everyone.

Some wait apart from others: peers that the configuration names by their address, whoever repeats a first message, as
peers do and as is a waste of inventions, and main mode apart from aggressive mode, which costs many times as much. The
line that has taken the least time is served next. One message is admitted at a time, and everything else that is ready
comes between two; after a while of work there is rest, so that a flood leaves the others of this host a part of the
processor.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ikevpn.ike.state.half_open import Source, source_of
from ikevpn.model.address import Address, Endpoint
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.octets.limits import FIRST_MESSAGE
from ikevpn.wire.registry import ExchangeType

WAITING = 64  # in each line
WORK_S, REST_S = 0.008, 0.004
REMEMBERED = 20_000
"""First messages that may be repeated: at 2000 a second those of the last ten seconds, and of some before."""
_EXCHANGE = 18
_KINDS = {int(mode): mode for mode in (ExchangeType.MAIN, ExchangeType.AGGRESSIVE)}
"""What has a line of its own; all other octets share one, for a stranger may invent any."""
_COOKIE_R = slice(8, 16)


class First(NamedTuple):
    """A datagram that names no cookie of ours."""

    data: bytes
    local: Endpoint
    remote: Endpoint
    natt: bool


def is_first(data: bytes) -> bool:
    """Whether a datagram can only begin something: it has no responder's cookie, so that nobody need have heard us."""
    return len(data) >= HEADER_SIZE and not any(data[_COOKIE_R])


class Repeats:
    """Whether a first message came before, word for word. Two sets take turns, so that what is old is forgotten."""

    def __init__(self) -> None:
        self._now: set[tuple[int, Endpoint]] = set()
        self._before: set[tuple[int, Endpoint]] = set()

    def is_one(self, first: First) -> bool:
        """Takes note of it, too."""
        key = hash(first.data), first.remote
        repeated = key in self._now or key in self._before
        self._now.add(key)
        if len(self._now) >= REMEMBERED:
            self._before, self._now = self._now, set()
        return repeated


@dataclass
class _Line:
    waiting: list[First] = field(default_factory=list)
    sources: Counter[Source] = field(default_factory=Counter)
    spent_s: float = 0.0


class FirstMessages:
    """`admit` works on one. `draw(n)` gives a random number below n; `names` says whether a tunnel names an address."""

    def __init__(
        self, admit: Callable[[First], None], names: Callable[[Address], bool], draw: Callable[[int], int]
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._admit = admit
        self._names = names
        self._draw = draw
        self._repeats = Repeats()
        self._lines: dict[tuple[bool, bool, ExchangeType | None], _Line] = {}
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None
        self._worked_s = 0.0

    def add(self, first: First) -> None:
        """It is its turn soon, or it gives way to another: to one whose sender has fewer waiting, else to chance."""
        if len(first.data) > FIRST_MESSAGE:
            first = first._replace(data=first.data[: FIRST_MESSAGE + 1])  # too long still, and will be refused
        key = self._names(first.remote.address), self._repeats.is_one(first), _KINDS.get(first.data[_EXCHANGE])
        line = self._lines.get(key)
        if line is None:
            served = [each.spent_s for each in self._lines.values()]
            line = self._lines[key] = _Line(spent_s=min(served, default=0.0))
        if len(line.waiting) >= WAITING:
            self.counters["first-messages-dropped"] += 1
            if not self._make_room(line, first):
                return
        line.waiting.append(first)
        line.sources[source_of(first.remote.address)] += 1
        if self._next is None:
            self._next = self._loop.call_soon(self._work)

    def close(self) -> None:
        """Forget all that wait."""
        self._lines.clear()
        if self._next is not None:
            self._next.cancel()

    def _make_room(self, line: _Line, new: First) -> bool:
        place = self._draw(len(line.waiting) + 1)
        old = line.waiting[place] if place < len(line.waiting) else new
        busier = line.sources[source_of(old.remote.address)] - line.sources[source_of(new.remote.address)]
        if old is new or busier < 0:
            return False
        self._take(line, place)
        return True

    def _take(self, line: _Line, place: int) -> First:
        taken, last = line.waiting[place], line.waiting.pop()
        if taken is not last:
            line.waiting[place] = last
        source = source_of(taken.remote.address)
        line.sources[source] -= 1
        if not line.sources[source]:
            del line.sources[source]
        return taken

    def _work(self) -> None:
        key, line = min(self._lines.items(), key=lambda each: each[1].spent_s)
        begun = time.thread_time()
        try:
            self._admit(self._take(line, self._draw(len(line.waiting))))
        finally:
            spent_s = time.thread_time() - begun
            line.spent_s += spent_s
            self._worked_s += spent_s
            if not line.waiting:
                del self._lines[key]
            self._plan()

    def _plan(self) -> None:
        self._next = None
        if self._worked_s >= WORK_S:
            self._worked_s = 0.0
            self._next = self._loop.call_later(REST_S, self._resume)
        elif self._lines:
            self._next = self._loop.call_soon(self._work)

    def _resume(self) -> None:
        self._next = None
        if self._lines:
            self._next = self._loop.call_soon(self._work)
