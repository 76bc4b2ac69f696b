"""What is wanted of a tunnel: several have a wish, and one rule makes one answer of them.

A wish stays until whoever had it has another or withdraws it, so that none is lost where another one counts meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Wanted(StrEnum):
    """`LISTEN` and `ON_DEMAND` do not start by themselves."""

    UP = "up"
    ON_DEMAND = "on-demand"
    LISTEN = "listen"
    DOWN = "down"


class Wisher(StrEnum):
    """Who may want something of a tunnel."""

    USER = "user"
    """The configuration's `start`, or a later command."""
    GROUP = "group"
    """Tunnels that stand in for each other: which of them is to work now."""
    MONITOR = "monitor"
    """What watches the peer: dead peer detection, by `dpd_action`."""
    TRAFFIC = "traffic"
    """Packets that want out: the children that they need."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Of some children, or (None) of the whole tunnel."""

    wanted: Wanted
    children: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """How the tunnel is to be held, and which children are to be up now."""

    wanted: Wanted
    children: frozenset[str] = frozenset()


_FIRST = (Wisher.MONITOR, Wisher.GROUP, Wisher.USER)
"""Of these the first that has a wish decides, unless the user wants the tunnel down or has never wanted it."""


def resolve(wishes: Mapping[Wisher, Wish], children: Collection[str]) -> Resolved:
    """What comes of all wishes for a tunnel with these children. Traffic counts only where the tunnel is to wait for
    it.
    """
    user = wishes.get(Wisher.USER)
    if user is None or user.wanted is Wanted.DOWN:
        return Resolved(Wanted.DOWN)
    wanted = next(wishes[wisher].wanted for wisher in _FIRST if wisher in wishes)
    match wanted:
        case Wanted.UP:
            return Resolved(wanted, frozenset(children))
        case Wanted.ON_DEMAND:
            needed = wishes.get(Wisher.TRAFFIC)
            return Resolved(wanted, (needed.children or frozenset()) & set(children) if needed else frozenset())
        case _:
            return Resolved(wanted)
