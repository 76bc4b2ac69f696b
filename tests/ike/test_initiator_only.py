"""A tunnel that only calls: nothing answers its peer's phase 1, and everything else works as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.model.events.event import Code, Reason
from ikevpn.model.events.reasons import sentence
from ikevpn.model.tunnel import Phase1Mode
from tests.ike.bench import Bench, children, core_of, events, ike_sas, networks, other_side, tunnel


def only_calls(**changes: object) -> Bench:
    """ "b" does not answer "a"."""
    ours = tunnel(**changes)
    return Bench(ours, replace(other_side(ours), initiator_only=True))


@pytest.mark.parametrize("mode", Phase1Mode)
def test_a_call_is_not_answered_by_a_single_octet(mode: Phase1Mode) -> None:
    bench = only_calls(mode=mode)
    bench.initiate()
    bench.run(120)
    assert not bench.datagrams("b") and not ike_sas(bench.b) and not core_of(bench.b).timers.next()
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.NO_ANSWER]
    refused = events(bench.b, Code.CALL_REFUSED)
    assert refused and {(each.tunnel, each.reason) for each in refused} == {("ba", Reason.INITIATOR_ONLY)}
    assert sentence(refused[0]).endswith("tunnel ba only initiates and does not respond (initiator_only)")


def test_it_calls_and_its_peer_asks_for_more_within() -> None:
    bench = only_calls(children=networks(1, 2))
    there = bench.b.tunnel.children[:1]
    bench.perform(bench.b, bench.b.engine.initiate("ba", bench.b.address, bench.a.address, 0, [there[0].name]))
    bench.run(1)
    assert events(bench.b, Code.IKE_UP) and len(children(bench.b)) == 1
    bench.initiate()
    bench.run(1)
    assert len(children(bench.b)) == 2 and bench.matched()


def test_another_tunnel_for_the_same_address_answers() -> None:
    bench = only_calls()
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, name="open", initiator_only=False))
    assert bench.up().matched()
    assert {each.tunnel.name for each in children(bench.b)} == {"open"}
