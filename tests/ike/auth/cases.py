"""What tests of authentication look for."""

from __future__ import annotations

from ikevpn.model.events.event import Code, Event
from tests.ike.bench import Bench, events


def refused_by(bench: Bench, name: str) -> Event:
    """The one event by which a side ended a phase 1."""
    (found,) = events(bench.side(name), Code.PHASE1_FAILED)
    return found
