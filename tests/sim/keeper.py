"""Stands in for the service: keeps a tunnel up, tries again with back-off, watches that every start comes to an end."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from ikevpn.ike.state.effects import AttemptFailed, ChildDown, ChildUp, Phase1Down, StateChange
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.tunnel import Tunnel

PHASE1 = ""
"""In place of the name of a child."""
_ENDS = (AttemptFailed, ChildDown, Phase1Down)
_LONGEST_PAUSE_S = 30.0


class Start(StrEnum):
    UP = "up"
    ON_DEMAND = "on-demand"
    LISTEN = "listen"


class House(Protocol):
    """The host in which a keeper lives."""

    def initiate(self, tunnel: str, remote: Endpoint) -> None: ...
    def child_is_up(self, tunnel: Tunnel, child: str) -> bool: ...
    def later(self, delay_s: float, act: Callable[[], None]) -> None: ...
    def disturbed_since(self, when: float) -> bool: ...
    def complain(self, text: str) -> None: ...
    @property
    def now(self) -> float: ...


def retransmission_s(tunnel: Tunnel) -> float:
    """How long one unanswered message is repeated at most."""
    return sum(tunnel.retransmit_s * tunnel.retransmit_factor**n for n in range(tunnel.retransmit_tries + 1))


def patience_s(tunnel: Tunnel) -> float:
    """After how long a start must have ended, well or not: three flights of phase 1, quick mode, and some."""
    return 6 * retransmission_s(tunnel) + 60


class Keeper:
    """One tunnel of one host."""

    def __init__(self, house: House, tunnel: Tunnel, remote: Endpoint | None, start: Start) -> None:
        self.tunnel = tunnel
        self.remote = remote
        self.start = start
        self.wanted = start is Start.UP
        self.failures: list[tuple[float, Code, Reason]] = []
        self._news: dict[str, float] = {}  # child, or phase 1 -> when something came of it
        self._house = house
        self._pause_s = 1.0
        self._planned = False
        self._generation = 0

    def begin(self) -> None:
        """The host is up."""
        if self.wanted:
            self._plan(0.0)
            self._watch()

    def want(self, wanted: bool) -> None:
        """A person changes their mind."""
        self.wanted = wanted and self.start is Start.UP
        self._generation += 1
        self._planned = False
        if self.wanted:
            self._plan(0.0)
            self._watch()

    def stop(self) -> None:
        """For good."""
        self.wanted = False
        self.start = Start.LISTEN
        self._generation += 1

    def changed(self, change: StateChange) -> None:
        """The state of this tunnel has changed."""
        match change:
            case AttemptFailed():
                self.failures.append((self._house.now, change.event.code, change.event.reason))
                self._news[change.child] = self._house.now
            case ChildDown() | ChildUp():
                self._news[change.child] = self._house.now
            case Phase1Down():
                self._news[PHASE1] = self._house.now
        if self.wanted and isinstance(change, _ENDS):
            self._plan(self._pause_s)
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        elif isinstance(change, ChildUp):
            self._pause_s = 1.0

    def _plan(self, delay_s: float) -> None:
        if not self._planned:
            self._planned = True
            generation = self._generation
            self._house.later(delay_s, lambda: self._attempt(generation))

    def _watch(self) -> None:
        """Some losses are only seen by looking; a real service looks now and then."""
        generation = self._generation

        def look() -> None:
            if generation == self._generation and self.wanted:
                self._plan(0.0)
                self._house.later(60.0, look)

        self._house.later(60.0, look)

    def _attempt(self, generation: int) -> None:
        if generation != self._generation:
            return
        self._planned = False
        if not self.wanted or self.remote is None or not self._missing():
            return
        started = self._house.now
        self._house.initiate(self.tunnel.name, self.remote)
        self._house.later(patience_s(self.tunnel), lambda: self._judge(generation, started))

    def _judge(self, generation: int, started: float) -> None:
        if generation != self._generation or self._house.disturbed_since(started):
            return
        if self._news.get(PHASE1, -1.0) >= started:
            return
        stuck = [child for child in self._missing() if self._news.get(child, -1.0) < started]
        if stuck:
            self._house.complain(
                f"the start of {self.tunnel.name} at {started:.3f} neither succeeded nor failed within "
                f"{patience_s(self.tunnel):.0f} s; missing {', '.join(stuck)}"
            )

    def _missing(self) -> list[str]:
        return [c.name for c in self.tunnel.children if not self._house.child_is_up(self.tunnel, c.name)]
