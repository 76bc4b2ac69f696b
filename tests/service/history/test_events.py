"""History is bounded, listeners hear everything in order, slow subscribers are told what they lost."""

from __future__ import annotations

import asyncio

from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.history.events import History, Record
from ikevpn.service.history.memory import PER_CODE


def event(number: int, tunnel: str = "paris") -> Event:
    return Event(Code.RETRANSMITTED, tunnel, facts={"tries": number})


def test_only_the_newest_are_remembered() -> None:
    history = History(remembered=3, clock=lambda: 7.0)
    for number in range(500):
        history.add(event(number))
    assert [record.number for record in history.last(1000)] == list(range(501 - PER_CODE, 501))
    assert [record.number for record in history.last(2)] == [499, 500]
    assert history.last(0) == []


def test_one_tunnel_can_be_asked_for() -> None:
    history = History()
    history.add(event(1, "rome"))
    history.add(event(2))
    assert [record.event.tunnel for record in history.last(10, "rome")] == ["rome"]


def test_a_record_becomes_a_line_with_sentence_and_advice() -> None:
    history = History(clock=lambda: 12.5)
    history.add(Event(Code.PHASE1_FAILED, "paris", Reason.NO_ANSWER, {"remote": "192.0.2.2:500"}))
    (record,) = history.last(1)
    line = record.line()
    assert (line.time, line.code, line.reason) == (12.5, "phase1-failed", "no-answer")
    assert line.sentence.startswith("phase 1 with 192.0.2.2:500 failed") and line.advice


def test_listeners_hear_in_order_until_they_leave() -> None:
    history, heard = History(), []
    leave = history.listen(lambda record: heard.append(record.number))
    history.add(event(1))
    leave()
    history.add(event(2))
    leave()
    assert heard == [1]


def test_a_full_subscription_counts_what_it_loses() -> None:
    history = History()
    with history.subscribe(queued=2) as events:
        for number in range(5):
            history.add(event(number))
        assert len(events.waiting()) == 2
        assert events.lost() == 3
        assert events.lost() == 0


def test_a_closed_subscription_hears_nothing() -> None:
    history = History()
    with history.subscribe() as events:
        pass
    history.add(event(1))
    assert events.waiting() == []


def test_until_yields_what_comes_before_the_end_and_what_came_with_it() -> None:
    async def scenario() -> list[int]:
        history, end = History(), asyncio.get_running_loop().create_future()
        found: list[Record] = []
        with history.subscribe("paris") as events:
            history.add(event(1))
            history.add(event(1, "rome"))
            async for record in events.until(end):
                found.append(record)
                if len(found) == 1:
                    history.add(event(2))
                    history.add(event(3))
                    end.set_result(None)
        return [int(str(record.event.facts["tries"])) for record in found]

    assert asyncio.run(scenario()) == [1, 2, 3]
