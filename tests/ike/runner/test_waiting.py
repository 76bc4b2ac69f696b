"""The engine can wait: a message that needs an answer from outside changes nothing until that is accepted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from ikevpn.ike.state.effects import AddSa, Ask, Send
from ikevpn.ike.state.sa import ZERO_COOKIE
from ikevpn.ike.values.question import Answer, Ticket
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.registry import ExchangeType
from tests.ike.asking import PHASE1, QUICK, asking
from tests.ike.bench import Bench, core_of, events, ike_sas, only_sa, state_of, tunnel

YES, NO = Answer(True), Answer(False)
_MODES = {"main": tunnel(), "aggressive": tunnel(mode=Phase1Mode.AGGRESSIVE)}


def waiting(name: str, mode: str = "main", seconds: float = 20.0) -> tuple[Bench, Ask]:
    """A phase 1 in which one side has asked whether to accept what proves the other."""
    bench = Bench(_MODES[mode])
    ask_at(bench, name, PHASE1, seconds)
    bench.initiate()
    bench.run(0.1)
    return bench, only_question(bench, name)


def ask_at(bench: Bench, name: str, kinds: Collection[ExchangeType], seconds: float = 20.0) -> None:
    core_of(bench.side(name)).scripts = {each.kind: each for each in asking(kinds, seconds)}


def only_question(bench: Bench, name: str) -> Ask:
    (found,) = bench.of(name, Ask)
    assert isinstance(found, Ask)
    return found


def answer(bench: Bench, name: str, ticket: Ticket, what: Answer = YES) -> int:
    """How many effects that has had at once; then all that is on the wire is delivered."""
    side = bench.side(name)
    effects = side.engine.answer(ticket, what, bench.now)
    bench.perform(side, effects)
    bench.run(0.1)
    return len(effects)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("name", "ab")
def test_nothing_changes_until_the_answer_is_accepted(name: str, mode: str) -> None:
    bench, ask = waiting(name, mode)
    sa = only_sa(bench.side(name))
    before = state_of(sa, sa.exchanges[0])
    assert ask.deadline == pytest.approx(1020, abs=1)
    assert not events(bench.side(name), Code.PEER_AUTHENTICATED, Code.IKE_UP) and not bench.matched()
    bench.run(5)
    assert state_of(sa, sa.exchanges[0]) == before
    assert answer(bench, name, ask.ticket)
    bench.run(1)
    assert bench.matched()


def test_an_initiator_knows_no_cookie_before_that_of_a_responder_that_it_accepts() -> None:
    bench, ask = waiting("a", "aggressive")
    assert only_sa(bench.a).cky_r == ZERO_COOKIE
    answer(bench, "a", ask.ticket)
    assert only_sa(bench.a).cky_r == only_sa(bench.b).cky_r != ZERO_COOKIE and bench.matched()


@pytest.mark.parametrize("mode", _MODES)
def test_retransmissions_meanwhile_cost_nothing(mode: str) -> None:
    bench, ask = waiting("b", mode, seconds=50)
    last = bench.datagrams("a")[-1]
    before = bench.b.engine.counters["drop-duplicate"]
    for _ in range(100):
        assert bench.give("b", last) == []
    assert bench.b.engine.counters["drop-duplicate"] == before + 100
    assert only_question(bench, "b") is ask
    answer(bench, "b", ask.ticket)
    assert events(bench.b, Code.IKE_UP)


def test_another_message_meanwhile_is_dropped() -> None:
    bench, ask = waiting("b")
    last = bench.datagrams("a")[-1]
    bench.give("b", last[:-1] + bytes([last[-1] ^ 1]))
    dropped = events(bench.b, Code.DATAGRAM_DROPPED)
    assert "while another message is being checked" in str(dropped[-1].facts["message"])
    answer(bench, "b", ask.ticket)
    assert bench.matched()


def test_an_initiator_repeats_nothing_that_has_been_answered() -> None:
    bench, _ = waiting("a")
    before = len(bench.datagrams("a"))
    bench.run(15)
    assert len(bench.datagrams("a")) == before and not events(bench.a, Code.RETRANSMITTED)


@pytest.mark.parametrize("mode", _MODES)
def test_the_deadline_of_a_responder_passes(mode: str) -> None:
    bench, ask = waiting("b", mode, seconds=3)
    bench.run(3)
    (failed,) = events(bench.b, Code.PHASE1_FAILED)
    assert failed.reason is Reason.UNANSWERED and failed.facts["detail"] == "no answer within 3 s"
    assert not ike_sas(bench.b) and len(bench.of("b", Ask)) == 1
    assert answer(bench, "b", ask.ticket) == 0 and bench.b.engine.counters["answer-too-late"] == 1


@pytest.mark.parametrize("mode", _MODES)
def test_the_deadline_of_an_initiator_passes(mode: str) -> None:
    """Anybody may have sent that message: the peer is asked once more, and not believed the same again."""
    bench, _ = waiting("a", mode, seconds=3)
    bench.run(60)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.UNANSWERED and not ike_sas(bench.a) and len(bench.of("a", Ask)) == 1
    assert bench.a.engine.next_timer() is None


@pytest.mark.parametrize("name", "ab")
def test_the_answer_is_no(name: str) -> None:
    bench, ask = waiting(name)
    answer(bench, name, ask.ticket, NO)
    assert not bench.matched() and not events(bench.side(name), Code.IKE_UP)
    bench.give(name, bench.datagrams("b" if name == "a" else "a")[-1])
    assert only_question(bench, name) is ask, "the same message is asked about once"
    bench.run(100)
    assert not bench.side(name).sas and not [sa for sa in ike_sas(bench.side(name)) if sa.peers]


def test_an_answer_that_comes_twice() -> None:
    bench, ask = waiting("b")
    answer(bench, "b", ask.ticket)
    sa = only_sa(bench.b)
    before = len(bench.b.events)
    assert answer(bench, "b", ask.ticket) == 0 and answer(bench, "b", ask.ticket, NO) == 0
    assert len(bench.b.events) == before and only_sa(bench.b) is sa and bench.matched()


def test_an_answer_to_nothing() -> None:
    bench = Bench().up()
    sa = only_sa(bench.b)
    for ticket in (Ticket(99, 0, 1), Ticket(sa.serial, 0, 1), Ticket(sa.serial, 77, 1)):
        assert answer(bench, "b", ticket) == 0
    assert bench.b.engine.counters["answer-too-late"] == 3 and bench.matched()


def test_an_answer_for_another_question_of_the_same_exchange() -> None:
    bench, ask = waiting("b")
    assert answer(bench, "b", ask.ticket._replace(number=ask.ticket.number + 1)) == 0 and not bench.matched()
    answer(bench, "b", ask.ticket)
    assert bench.matched()


def test_the_peer_gives_up_and_the_half_open_sa_goes() -> None:
    bench, ask = waiting("b", seconds=1000)
    bench.run(70)
    assert not ike_sas(bench.b) and not len(core_of(bench.b).half_open)
    assert events(bench.b, Code.PHASE1_FAILED) and bench.b.engine.next_timer() is None
    assert answer(bench, "b", ask.ticket) == 0 and not bench.b.sas


def test_the_peer_deletes_what_a_quick_mode_waits_under() -> None:
    bench = Bench().up()
    ask_at(bench, "b", QUICK)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.1)
    ask = only_question(bench, "b")
    installed = set(bench.b.sas)
    assert len(bench.of("b", AddSa)) == 2
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(0.1)
    assert installed and not bench.b.sas and not ike_sas(bench.b)
    assert answer(bench, "b", ask.ticket) == 0 and not bench.b.sas


def test_a_quick_mode_goes_on_with_the_answer() -> None:
    bench = Bench().up()
    ask_at(bench, "b", QUICK)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.1)
    answer(bench, "b", only_question(bench, "b").ticket)
    assert len(bench.of("b", AddSa)) == 4


def test_a_quick_mode_that_nobody_answers_for_fails_and_the_tunnel_stays() -> None:
    bench = Bench().up()
    ask_at(bench, "b", QUICK, seconds=3)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(4)
    assert Reason.UNANSWERED in bench.b.reasons(Code.PHASE2_FAILED)
    assert bench.matched() and len(bench.of("b", AddSa)) == 2


def test_a_tunnel_is_removed_meanwhile() -> None:
    bench, ask = waiting("b")
    bench.perform(bench.b, bench.b.engine.terminate("ba", bench.now))
    bench.b.engine.remove_tunnel("ba")
    assert answer(bench, "b", ask.ticket) == 0 and not ike_sas(bench.b) and not bench.b.sas


def test_the_configuration_of_a_tunnel_changes_meanwhile() -> None:
    """The answer counts for the peer, and what it may have is decided as all is configured by then."""
    bench, ask = waiting("b")
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, remote_id=Identity.of("other.example.net")))
    answer(bench, "b", ask.ticket)
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_PEER_IDENTITY] and not ike_sas(bench.b)


@pytest.mark.parametrize("name", "ab")
def test_a_shutdown_meanwhile(name: str) -> None:
    bench, ask = waiting(name)
    side = bench.side(name)
    bench.perform(side, side.engine.shutdown(bench.now))
    assert not ike_sas(side) and side.engine.next_timer() is None
    assert not [each for each in side.engine.answer(ask.ticket, YES, bench.now) if isinstance(each, Send)]


def test_what_waits_counts_as_held_while_half_open() -> None:
    bench, ask = waiting("b")
    table = core_of(bench.b).half_open
    assert table.octets >= len(bench.datagrams("a")[-1])
    answer(bench, "b", ask.ticket)
    assert table.octets == 0
