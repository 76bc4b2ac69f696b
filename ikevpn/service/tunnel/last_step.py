"""Where an attempt stood when somebody stopped waiting for it, as facts for the sentence and the advice on that."""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Fact

LOOKED_AT = 32
"""How many of the newest events one attempt has at most."""
_WAITED_FOR = (Code.PHASE1_STARTED, Code.PHASE2_STARTED, Code.RETRANSMITTED, Code.ICMP_ERROR, Code.PEER_NOTIFY)


def facts_of(events: Sequence[Event]) -> dict[str, Fact]:
    """Of the newest events of a tunnel, oldest first."""
    last = _telling(events)
    if last is None:
        return {}
    step: dict[str, Fact] = {"last": reasons.sentence(last)}
    return {**last.facts, **step, "unanswered": True} if last.code in _WAITED_FOR else step


def _telling(events: Sequence[Event]) -> Event | None:
    """What the peer said in this attempt, though we did not believe it and asked again; else the last step."""
    for event in reversed(events):
        if event.code is Code.PEER_NOTIFY:
            return event
        if event.code is Code.PHASE1_STARTED:
            break
    return events[-1] if events else None
