"""What comes often does not wash away what comes once; nothing grows without end."""

from __future__ import annotations

import pytest

from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.events.severity import Severity
from ikevpn.service.history.events import History, Record
from ikevpn.service.history.memory import PER_CODE, PER_TUNNEL, Memory

USUAL = Event(Code.RETRANSMITTED, "paris", facts={"remote": "192.0.2.2:500"})


def test_a_flood_of_usual_events_leaves_the_rare_ones() -> None:
    history = History(remembered=50)
    history.add(Event(Code.DAEMON_STARTED))
    history.add(Event(Code.PHASE1_FAILED, "rome", Reason.WRONG_SECRET))
    for _ in range(5000):
        history.add(USUAL)
    kept = history.last(10_000)
    assert [record.event.code for record in kept[:2]] == [Code.DAEMON_STARTED, Code.PHASE1_FAILED]
    assert [record.number for record in kept] == sorted({record.number for record in kept})
    assert len(kept) <= 2 + PER_CODE
    assert [record.number for record in history.last(1, "rome")] == [2]


def test_failures_of_one_tunnel_do_not_wash_away_those_of_another() -> None:
    history = History(remembered=50)
    history.add(Event(Code.PHASE1_FAILED, "rome", Reason.WRONG_SECRET))
    for _ in range(5000):
        history.add(Event(Code.PHASE1_FAILED, "paris", Reason.NO_ANSWER))
    assert [record.number for record in history.last(5, "rome")] == [1]
    assert history.last(5)[-1].number == 5001


def test_only_what_matters_as_much() -> None:
    history = History()
    history.add(Event(Code.PHASE1_FAILED, "rome", Reason.WRONG_SECRET))
    history.add(USUAL)
    history.add(Event(Code.IKE_DOWN, "rome", Reason.DEAD_PEER))
    history.add(Event(Code.IKE_DOWN, "rome", Reason.REQUESTED))
    history.add(Event(Code.DPD_SENT, "rome"))
    numbers = {least: [record.number for record in history.last(9, "", least)] for least in Severity}
    assert numbers == {
        Severity.ERROR: [1],
        Severity.WARNING: [1, 3],
        Severity.INFO: [1, 2, 3, 4],
        Severity.DEBUG: [1, 2, 3, 4, 5],
    }


@pytest.mark.parametrize("code", [Code.PHASE1_FAILED, Code.DATAGRAM_DROPPED])
def test_it_is_bounded(code: Code) -> None:
    memory = Memory[Record](10)
    for number in range(1000):
        memory.add(Record(number, 0.0, Event(code, "paris")))
    assert len(memory.last(10_000)) <= PER_CODE + PER_TUNNEL
