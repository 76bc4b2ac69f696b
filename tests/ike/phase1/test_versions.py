"""Who speaks IKEv2: a caller is named and answered, an answer to us is remembered as the reason, and nothing moves."""

from __future__ import annotations

import struct

from ikevpn.ike.state.sa import ZERO_COOKIE
from ikevpn.model.address import Endpoint
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Reason
from tests.ike.bench import Bench, events, ike_sas, tunnel

NOTIFY = bytes.fromhex("0000000800000005")  # INVALID_MAJOR_VERSION
STRANGER = Endpoint.of("203.0.113.77", 500)


def ike2(cky_i: bytes, cky_r: bytes = ZERO_COOKIE, exchange: int = 34, flags: int = 0x08) -> bytes:
    """A message of IKEv2 with one notify in it."""
    body = NOTIFY
    return cky_i + cky_r + struct.pack("!BBBBII", 41, 0x20, exchange, flags, 0, 28 + len(body)) + body


def test_a_caller_is_named_for_the_tunnel_that_it_probably_means() -> None:
    bench = Bench()
    bench.give("b", ike2(b"somebody"))
    (refused,) = events(bench.b, Code.CALL_REFUSED)
    assert (refused.tunnel, refused.reason) == ("ba", Reason.WRONG_VERSION)
    assert reasons.sentence(refused).endswith("uses IKEv2, and ikevpn supports only IKEv1")
    assert any("version = 1" in line for line in reasons.advice(refused))
    assert not ike_sas(bench.b) and bench.b.engine.counters["drop-wrong-version"] == 1
    (answer,) = bench.datagrams("b")
    assert len(answer) <= 60 and answer[17] == 0x10 and answer[18] == 5, "an informational of IKEv1"


def test_a_stranger_is_named_without_a_tunnel_and_only_so_often() -> None:
    bench = Bench()
    for number in range(100):
        bench.give("b", ike2(number.to_bytes(8, "big", signed=False)[::-1] if number else b"first..."), source=STRANGER)
    told = events(bench.b, Code.CALL_REFUSED)
    assert {each.tunnel for each in told} == {""} and 0 < len(told) <= 20
    assert bench.b.engine.counters["drop-wrong-version"] == 100


def test_what_answers_nobody_is_not_answered() -> None:
    bench = Bench()
    for data in (ike2(b"somebody", flags=0x20), ike2(b"somebody", b"unknown!"), ike2(b"somebody", exchange=35)):
        bench.give("b", data)
    assert not events(bench.b, Code.CALL_REFUSED) and not bench.datagrams("b")


def test_an_answer_in_ikev2_is_the_reason_where_no_other_comes() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    cookie = bench.datagrams("a")[0][:8]
    bench.give("a", ike2(cookie, b"whatever", flags=0x20))
    bench.run(200)
    failed = events(bench.a, Code.PHASE1_FAILED)[-1]
    assert failed.reason is Reason.WRONG_VERSION
    assert "uses IKEv2" in reasons.sentence(failed)


def test_an_answer_in_ikev2_hinders_nobody() -> None:
    bench = Bench()
    bench.tamper = lambda sent: []
    bench.initiate()
    bench.give("a", ike2(bench.datagrams("a")[0][:8], b"whatever", flags=0x20))
    bench.tamper = lambda sent: [sent]
    bench.run(60)
    assert bench.matched()


FACTS = {"router": "192.0.2.254", "icmp": "port-unreachable", "meaning": "nothing listens on UDP 500 there"}


def test_what_a_router_says_is_the_reason_where_no_answer_comes() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    side, sa = bench.a, ike_sas(bench.a)[0]
    for _ in range(3):
        bench.perform(side, side.engine.unreachable(sa.local, sa.remote, FACTS, bench.now))
    assert len(events(bench.a, Code.ICMP_ERROR)) == 1
    bench.run(200)
    failed = events(bench.a, Code.PHASE1_FAILED)[-1]
    assert failed.reason is Reason.UNREACHABLE and failed.facts["tries"] == 6, "it is not believed: we go on trying"
    assert "192.0.2.254 says: nothing listens on UDP 500 there" in reasons.sentence(failed)
    assert reasons.advice(failed)[0].startswith("start the peer's IKE service")


def test_what_a_router_says_counts_for_a_tunnel_that_only_calls() -> None:
    """It is the one for which nobody else will say why there is no answer."""
    bench = Bench(tunnel(initiator_only=True), tamper=lambda sent: [])
    bench.initiate()
    sa = ike_sas(bench.a)[0]
    bench.perform(bench.a, bench.a.engine.unreachable(sa.local, sa.remote, FACTS, bench.now))
    assert len(events(bench.a, Code.ICMP_ERROR)) == 1
    bench.run(200)
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.UNREACHABLE]


def test_what_a_router_says_of_others_is_nothing_to_us() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    bench.perform(bench.a, bench.a.engine.unreachable(bench.a.address, STRANGER, FACTS, bench.now))
    assert not events(bench.a, Code.ICMP_ERROR)


def test_an_answer_makes_it_forgotten() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    sa = ike_sas(bench.a)[0]
    bench.perform(bench.a, bench.a.engine.unreachable(sa.local, sa.remote, FACTS, bench.now))
    bench.tamper = lambda sent: [sent]
    bench.run(60)
    assert bench.matched() and not ike_sas(bench.a)[0].icmp
