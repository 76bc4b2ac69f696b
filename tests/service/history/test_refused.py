"""Calls that came to nothing are remembered by caller, few of them and not for ever."""

from __future__ import annotations

import pytest

from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.history.events import Record
from ikevpn.service.history.refused import MOST, SHOWN_S, RefusedCalls


def call(number: int = 1, code: Code = Code.CALL_REFUSED, role: str = "responder", tunnel: str = "") -> Event:
    facts = {"remote": f"192.0.2.{number}:500", "role": role, "version": 2}
    return Event(code, tunnel, Reason.WRONG_VERSION, facts)


def test_calls_of_one_caller_are_one_line() -> None:
    refused = RefusedCalls()
    for number in range(3):
        refused.heard(Record(number, 100.0 + number, call()))
    (found,) = refused.lately(112.0)
    assert (found.remote, found.count, found.ago_s, found.reason) == ("192.0.2.1", 3, 10.0, "wrong-version")
    assert found.sentence == "192.0.2.1:500 uses IKEv2, and ikevpn supports only IKEv1" and found.advice


@pytest.mark.parametrize(
    "event", [call(role="initiator"), call(code=Code.IKE_UP), call(code=Code.DATAGRAM_DROPPED), Event(Code.IKE_DOWN)]
)
def test_what_is_no_call_is_not_among_them(event: Event) -> None:
    refused = RefusedCalls()
    refused.heard(Record(1, 1.0, event))
    assert refused.lately(1.0) == ()


def test_few_and_not_for_ever() -> None:
    refused = RefusedCalls()
    for number in range(1, 200):
        refused.heard(Record(number, float(number), call(number)))
    assert [found.remote for found in refused.lately(200.0)][:2] == ["192.0.2.199", "192.0.2.198"]
    assert len(refused.lately(200.0)) == MOST
    assert refused.lately(200.0 + SHOWN_S) == ()


def test_those_of_one_tunnel() -> None:
    refused = RefusedCalls()
    refused.heard(Record(1, 1.0, call(1, tunnel="paris")))
    refused.heard(Record(2, 1.0, call(2)))
    assert [found.remote for found in refused.lately(1.0, "paris")] == ["192.0.2.1"]
