"""Dead peer detection: questions, answers, replays, and what proves that a peer lives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikevpn.ike.runner import protect
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.effects import QuerySa
from ikevpn.ike.upkeep import dpd
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire import vendor
from ikevpn.wire.payload import Notify, VendorId
from ikevpn.wire.registry import Doi, ExchangeType, NotifyType, Protocol
from ikevpn.wire.vendor import Capability
from tests.ike.bench import (
    Bench,
    Sent,
    children,
    core_of,
    events,
    header_of,
    ike_sas,
    losing,
    networks,
    only_sa,
    other_side,
    says,
    tunnel,
)
from tests.manners import bend

INFORMATIONAL = ExchangeType.INFORMATIONAL


def watching() -> Bench:
    """ "a" looks every ten seconds, "b" only answers."""
    mine = tunnel(dpd_interval_s=10)
    return Bench(mine, replace(other_side(mine), dpd_interval_s=0)).up()


def ask(bench: Bench, number: int) -> int:
    """ "a" asks; how many datagrams "b" has answered."""
    before = len(bench.datagrams("b"))
    sa = only_sa(bench.a)
    data = number.to_bytes(4, "big")
    says(bench, "a", Notify(Doi.IPSEC, Protocol.ISAKMP, sa.cookies, NotifyType.R_U_THERE, data))
    return len(bench.datagrams("b")) - before


def test_silence_is_asked_about_and_answered() -> None:
    bench = watching()
    bench.run(35)
    assert len(events(bench.a, Code.DPD_SENT)) == 3
    assert not events(bench.a, Code.IKE_DOWN) and bench.matched()


def test_traffic_is_answer_enough() -> None:
    bench = watching()
    bench.idle_s["a"] = 0.1
    bench.run(100)
    assert bench.of("a", QuerySa) and not events(bench.a, Code.DPD_SENT)


def test_a_dead_peer_is_gone_with_all_that_it_had() -> None:
    bench = watching()
    bench.tamper = lambda sent: []
    bench.run(60)
    assert len(events(bench.a, Code.DPD_SENT)) == 6
    assert bench.a.reasons(Code.IKE_DOWN) == [Reason.DEAD_PEER] == bench.a.reasons(Code.CHILD_DOWN)
    assert not bench.a.sas and bench.a.engine.next_timer() is None
    assert len(set(bench.datagrams("a", INFORMATIONAL))) == 6  # each under its own message id


def test_a_repeated_question_keeps_its_number() -> None:
    bench = watching()
    bench.tamper = losing(*range(2), sender="b")
    bench.run(25)
    assert len(events(bench.a, Code.DPD_SENT)) >= 3 and not events(bench.a, Code.IKE_DOWN)
    assert not bench.a.engine.counters["drop-dpd-unexpected"]


def test_traffic_saves_a_peer_whose_answers_are_lost() -> None:
    bench = watching()
    bench.tamper = lambda sent: [] if sent.sender == "b" else [sent]
    bench.run(12)
    assert events(bench.a, Code.DPD_SENT)
    bench.idle_s["a"] = 0.2
    bench.run(60)
    assert not events(bench.a, Code.IKE_DOWN) and bench.matched()


def test_every_rising_number_is_answered_once_a_message() -> None:
    bench = Bench().up()
    assert [ask(bench, number) for number in (5, 6, 6, 100)] == [1, 1, 1, 1]
    assert ask(bench, 99) == 0 and bench.b.engine.counters["drop-dpd-replay"] == 1
    assert ask(bench, 0xFFFF_FFFF) == 0
    assert ask(bench, 0x7FFF_0000) == 1
    assert ask(bench, 0xF000_0000) == 1
    assert ask(bench, 3) == 1  # wrapped around


def test_many_questions_in_one_message_have_one_answer() -> None:
    bench = watching()
    before = len(bench.datagrams("b"))
    sa = only_sa(bench.a)
    numbers = [number.to_bytes(4, "big") for number in range(1, 41)]
    says(bench, "a", *(Notify(Doi.IPSEC, Protocol.ISAKMP, sa.cookies, NotifyType.R_U_THERE, each) for each in numbers))
    assert len(bench.datagrams("b")) - before == 1
    assert bench.b.engine.counters["asked-twice"] == 39


def test_a_duplicate_question_gets_the_same_octets() -> None:
    bench = Bench().up()
    assert ask(bench, 5) == 1
    question, answer = bench.datagrams("a")[-1], bench.datagrams("b")[-1]
    bench.give("b", question)
    assert bench.datagrams("b")[-2:] == [answer, answer]


@pytest.mark.parametrize("data", [b"", b"\x01", bytes(5)])
def test_questions_of_odd_sizes_are_not_answered(data: bytes) -> None:
    bench = Bench().up()
    before = len(bench.datagrams("b"))
    says(bench, "a", Notify(Doi.IPSEC, Protocol.ISAKMP, b"", NotifyType.R_U_THERE, data))
    assert len(bench.datagrams("b")) == before and bench.matched()


@pytest.mark.parametrize("data", [b"", bytes(4), b"\x00\x00\x00\x07", bytes(9)])
def test_answers_to_nothing_are_counted(data: bytes) -> None:
    bench = Bench().up()
    says(bench, "b", Notify(Doi.IPSEC, Protocol.ISAKMP, b"", NotifyType.R_U_THERE_ACK, data))
    assert bench.a.engine.counters["drop-dpd-unexpected"] == 1


def answers_under_the_same_id(bench: Bench, answers: list[bytes]) -> Callable[[Sent], list[Sent]]:
    """The answers of "b" come as exchanges of their own, with the message ids of the questions (FRITZ!Box)."""

    def tamper(sent: Sent) -> list[Sent]:
        if sent.sender != "b" or sent.datagram.data[18] != INFORMATIONAL:
            return [sent]
        sa = only_sa(bench.b)
        asked = header_of(bench.datagrams("a", INFORMATIONAL)[-1]).message_id
        answer = dpd._notify(sa, NotifyType.R_U_THERE_ACK, only_sa(bench.a).dpd.sequence.to_bytes(4, "big"))
        hashed = protect.with_hash(sa, HashKind.FIRST, asked, (b"", b""), [answer])
        data, _ = protect.encrypt(sa, INFORMATIONAL, asked, protect.first_iv(sa, asked), hashed)
        answers.append(data)
        return [replace(sent, datagram=replace(sent.datagram, data=data))]

    return tamper


def test_an_answer_under_the_message_id_of_the_question() -> None:
    bench, answers = watching(), list[bytes]()
    bench.tamper = answers_under_the_same_id(bench, answers)
    bench.run(200)
    assert len(events(bench.a, Code.DPD_SENT)) > 10 and not events(bench.a, Code.IKE_DOWN)
    heard = only_sa(bench.a).heard
    for data in answers:
        bench.now += 100
        bench.give("a", data)  # and each of them counts once
    assert answers and only_sa(bench.a).heard == heard


def longer(data: bytes) -> bytes:
    return data[:24] + (len(data) + 16).to_bytes(4, "big") + data[28:] + bytes(16)


@pytest.mark.parametrize("bent", [bytes, longer])
def test_our_own_question_sent_back_to_us_is_no_answer(bent: Callable[[bytes], bytes]) -> None:
    """Both ends hash alike. Blocks behind the payloads can be added by anybody, so that the octets prove nothing."""
    bench = watching()
    bench.tamper = lambda sent: [] if sent.datagram.data[18] == INFORMATIONAL else [sent]
    bench.run(12)
    own, heard = bench.datagrams("a", INFORMATIONAL)[-1], only_sa(bench.a).heard
    bench.give("a", bent(own))
    assert only_sa(bench.a).heard == heard and bench.a.reasons(Code.DATAGRAM_DROPPED) == [Reason.DUPLICATE]
    assert not bench.datagrams("a", INFORMATIONAL)[3:]


def test_few_ids_of_ours_are_kept_for_an_answer() -> None:
    bench = Bench().up()
    for number in range(200):
        ask(bench, number + 1)
    assert len(only_sa(bench.a).said) <= 32


LATE_VENDOR_IDS = [
    # who says nothing in which row, and says it in which (Cisco IOS, ASA)
    ("b", "main mode message 2", "main mode message 4", Phase1Mode.MAIN),
    ("b", "main mode message 2", "main mode message 6", Phase1Mode.MAIN),
    ("a", "main mode message 1", "main mode message 3", Phase1Mode.MAIN),
    ("a", "main mode message 1", "main mode message 5", Phase1Mode.MAIN),
    ("a", "aggressive mode message 1", "aggressive mode message 3", Phase1Mode.AGGRESSIVE),
]


@pytest.mark.parametrize(("who", "silent", "telling", "mode"), LATE_VENDOR_IDS)
def test_dpd_may_be_announced_in_any_message_of_phase_1(who: str, silent: str, telling: str, mode: Phase1Mode) -> None:
    bench = Bench(tunnel(dpd_interval_s=20, mode=mode))
    late = VendorId(vendor.DPD)
    with (
        bend.payloads(bench.side(who), silent, lambda built: [each for each in built if each != late]),
        bend.payloads(bench.side(who), telling, bend.more(late)),
    ):
        bench.up()
    ours = bench.b if who == "a" else bench.a
    assert bench.matched() and Capability.DPD in only_sa(ours).capabilities
    bench.tamper = lambda sent: [] if sent.sender == who else [sent]
    bench.run(300)
    assert events(ours, Code.IKE_DOWN)


def test_on_demand() -> None:
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    bench.run(1)
    assert events(bench.a, Code.DPD_ANSWERED)
    bench.tamper = lambda sent: []
    bench.idle_s["a"] = 0.0  # a person asked the peer, not its traffic
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    bench.run(60)
    assert bench.a.reasons(Code.IKE_DOWN) == [Reason.DEAD_PEER]


def test_peers_without_dpd_are_not_asked() -> None:
    bench = Bench(tunnel(dpd_interval_s=10))
    with bend.payloads(bench.b, "main mode message 2", bend.without(VendorId)):
        bench.up()
    bench.run(100)
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    assert not events(bench.a, Code.DPD_SENT) and bench.matched()


def test_a_superseded_sa_is_not_asked_about() -> None:
    """Its successor speaks for the peer: that the old one is not answered any more means nothing."""
    bench = watching()
    bench.tamper = lambda sent: [] if sent.datagram.data[18] == INFORMATIONAL else [sent]
    bench.run(11)
    assert events(bench.a, Code.DPD_SENT)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(1)
    old, new = ike_sas(bench.a)
    assert old.superseded and not new.superseded
    core_of(bench.b).forget_ike_sa(ike_sas(bench.b)[0])
    bench.tamper = lambda sent: [sent]
    bench.run(60)
    assert not events(bench.a, Code.IKE_DOWN) and bench.matched() and children(bench.a)


def test_a_dead_sa_is_no_dead_peer() -> None:
    """The peer has lost one IKE SA and talks under another: only that one goes."""
    bench = watching()
    first = only_sa(bench.a)
    bench.perform(bench.b, bench.b.engine.rekey("ba", bench.now))
    bench.run(0.1)
    second = ike_sas(bench.a)[1]
    first.superseded, second.superseded = False, True  # as if the two sides had judged a collision differently
    core_of(bench.a).timers.cancel_owner(second.serial)
    dpd.plan(core_of(bench.a), first)
    core_of(bench.b).forget_ike_sa(ike_sas(bench.b)[0])
    for _ in range(8):
        bench.perform(bench.b, bench.b.engine.probe("ba", bench.now))
        bench.run(5)
    assert ike_sas(bench.a) == [second] and not second.superseded
    assert not events(bench.a, Code.IKE_DOWN, Code.CHILD_DOWN) and bench.matched()


def test_replayed_questions_do_not_prove_life() -> None:
    bench = Bench(tunnel(dpd_interval_s=0)).up()
    ask(bench, 5)
    question: Sent = bench.log[-2]
    heard = only_sa(bench.b).heard
    bench.run(200)
    bench.deliver(question)
    assert only_sa(bench.b).heard == heard


@pytest.mark.parametrize(("timeout_s", "questions"), [(150, 6), (13, 1), (40, 6)])
def test_a_peer_is_dead_when_its_time_is_over(timeout_s: float, questions: int) -> None:
    mine = tunnel(dpd_interval_s=10, dpd_timeout_s=timeout_s)
    bench = Bench(mine, replace(other_side(mine), dpd_interval_s=0, dpd_timeout_s=0)).up()
    heard, bench.tamper = only_sa(bench.a).heard, lambda sent: []
    bench.run(timeout_s - 1)
    assert not events(bench.a, Code.IKE_DOWN)
    bench.run(2)
    assert bench.a.reasons(Code.IKE_DOWN) == [Reason.DEAD_PEER]
    assert len(events(bench.a, Code.DPD_SENT)) == questions
    assert heard + timeout_s <= bench.now


def test_who_is_asked_on_demand_has_its_time_too() -> None:
    """Where nobody is asked regularly the silence before the question means nothing."""
    mine = tunnel(dpd_interval_s=50, dpd_timeout_s=60)
    bench = Bench(mine, replace(other_side(mine), dpd_interval_s=0, dpd_timeout_s=0)).up()
    bench.run(45)
    bench.tamper = lambda sent: []
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    bench.run(9)
    assert not events(bench.a, Code.IKE_DOWN)
    bench.run(2)
    assert bench.a.reasons(Code.IKE_DOWN) == [Reason.DEAD_PEER]


def test_all_pairs_are_asked_about_at_once() -> None:
    mine = tunnel(dpd_interval_s=10, children=networks(*range(1, 21)))
    bench = Bench(mine, replace(other_side(mine), dpd_interval_s=0)).up()
    bench.run(2)
    before = len(bench.of("a", QuerySa))
    bench.run(12)
    asked = [effect for effect in bench.of("a", QuerySa)[before:] if isinstance(effect, QuerySa)]
    assert len(asked) <= 2 and all(len(each.spis) == 20 for each in asked)
