"""An address of ours that is gone: everything that used it ends at once and says why, and nothing else does."""

from __future__ import annotations

from ipaddress import ip_address

from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Reason
from tests.ike.bench import Bench, core_of, events, ike_sas


def test_what_used_it_ends_with_the_reason() -> None:
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.addresses_gone({bench.a.address.address}, bench.now))
    assert not ike_sas(bench.a) and not core_of(bench.a).children
    down = [*events(bench.a, Code.CHILD_DOWN), *events(bench.a, Code.IKE_DOWN)]
    assert {event.reason for event in down} == {Reason.PATH_CHANGED} and len(down) == 2
    assert reasons.sentence(down[-1]).endswith("is down: our address or the peer's changed")


def test_a_negotiation_under_way_fails_with_it() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    bench.perform(bench.a, bench.a.engine.addresses_gone({bench.a.address.address}, bench.now))
    assert events(bench.a, Code.PHASE1_FAILED)[-1].reason is Reason.PATH_CHANGED and not ike_sas(bench.a)


def test_others_stay() -> None:
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.addresses_gone({ip_address("198.51.100.200")}, bench.now))
    assert ike_sas(bench.a) and bench.matched()
