"""What success and failure of exchanges mean for an IKE SA: that it is established, renewed, used no more."""

from __future__ import annotations

from ikevpn.ike.runner import protect
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import Lifetime
from ikevpn.wire.registry import ExchangeType, NotifyType
from tests.ike.bench import Bench, events, ike_sas, only_sa, other_side, tunnel
from tests.ike.bench import notify as notify_of

QUICK = ExchangeType.QUICK


def test_a_responder_with_a_shorter_phase_1_says_so() -> None:
    """Otherwise the initiator would count on an SA that its peer has forgotten (RFC 2407 §4.6.3.1)."""
    ours = tunnel(ike_lifetime=Lifetime(7200))
    theirs = other_side(tunnel(ike_lifetime=Lifetime(600)))
    bench = Bench(ours, theirs).up()
    assert only_sa(bench.a).lifetime == only_sa(bench.b).lifetime == Lifetime(600)
    assert events(bench.a, Code.LIFETIME_SHORTENED)


def test_a_responder_that_agrees_has_nothing_to_say() -> None:
    bench = Bench().up()
    assert not events(bench.a, Code.LIFETIME_SHORTENED)


def test_an_ike_sa_under_which_nobody_answers_is_not_used_again() -> None:
    """The peer has forgotten it, and without DPD nothing else would tell."""
    bench = Bench(tamper=lambda sent: [] if sent.datagram.data[18] == QUICK else [sent])
    bench.initiate()
    bench.run(120)
    assert events(bench.a, Code.PHASE2_FAILED)[0].reason is Reason.NO_ANSWER
    assert not ike_sas(bench.a)
    bench.tamper = lambda sent: [sent]
    bench.initiate()
    bench.run(1)
    assert events(bench.a, Code.CHILD_UP)


def test_an_ike_sa_without_children_is_not_renewed() -> None:
    bench = Bench(tunnel(ike_lifetime=Lifetime(600), ipsec_lifetime=Lifetime(3600))).up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now, "net"))
    bench.run(700)
    assert not ike_sas(bench.a) and not ike_sas(bench.b)


def test_a_bare_notify_makes_us_ask_only_now_and_then() -> None:
    """Anybody can send one."""
    bench = Bench(tunnel(dpd_interval_s=300)).up()
    for _ in range(5):
        says_bare(bench)
        bench.run(1)
    assert len(events(bench.a, Code.DPD_SENT)) == 1
    bench.run(10)
    says_bare(bench)
    assert len(events(bench.a, Code.DPD_SENT)) == 2


def says_bare(bench: Bench) -> None:
    """An unprotected INVALID-COOKIE arrives at the initiator."""
    data = protect.clear(only_sa(bench.a), ExchangeType.INFORMATIONAL, 7, [notify_of(NotifyType.INVALID_COOKIE)])
    bench.perform(bench.a, bench.a.engine.datagram(data, bench.a.address, bench.b.address, bench.now))
