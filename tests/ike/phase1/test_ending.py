"""How a phase 1 ends without keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.phase1 import ending
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.state.sa import Child, Hint
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import Lifetime
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.registry import ExchangeType, Group
from tests.ike.bench import AES, Bench, children, core_of, events, ike_sas, losing, only_sa, tunnel


def test_what_waits_goes_on_with_the_next_group() -> None:
    proposals = (AES, replace(AES, group=Group.MODP_1024))
    bench = Bench(tunnel(mode=Phase1Mode.AGGRESSIVE, ike_proposals=proposals), tamper=lambda sent: [])
    bench.initiate()
    before = only_sa(bench.a)
    ending.failed(core_of(bench.a), before, Hint(Reason.PEER_REFUSED_PHASE1, {}))
    after = only_sa(bench.a)
    assert after is not before and Phase1.of(after.exchanges[0]).group_index == 1
    assert [each.name for each in after.waiting] == ["net"]
    ending.failed(core_of(bench.a), after, Hint(Reason.PEER_REFUSED_PHASE1, {}))
    assert not ike_sas(bench.a)


@pytest.mark.parametrize("reason", [Reason.NO_ANSWER, Reason.WRONG_SECRET])
def test_other_reasons_are_not_cured_by_another_group(reason: Reason) -> None:
    proposals = (AES, replace(AES, group=Group.MODP_1024))
    bench = Bench(tunnel(mode=Phase1Mode.AGGRESSIVE, ike_proposals=proposals), tamper=lambda sent: [])
    bench.initiate()
    ending.failed(core_of(bench.a), only_sa(bench.a), Hint(reason, {}))
    assert not ike_sas(bench.a)


def test_a_pair_whose_renewal_waited_for_it_is_renewed_again() -> None:
    bench = Bench(tunnel(ike_lifetime=Lifetime(0))).up()
    (child,) = children(bench.a)
    core = core_of(bench.a)
    core.forget_ike_sa(only_sa(bench.a))
    bench.tamper = lambda sent: []
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    assert child.rekeying and [each.replaces for each in only_sa(bench.a).waiting] == [child.serial]
    bench.run(200)
    assert events(bench.a, Code.PHASE1_FAILED) and _renewal_is_planned(bench, child)


def _renewal_is_planned(bench: Bench, child: Child) -> bool:
    return core_of(bench.a).timers.at(Timer(TimerKind.CHILD_REKEY, child.serial)) is not None


def test_a_responder_that_hears_no_more_forgets() -> None:
    bench = Bench(tamper=losing(*range(1, 99), exchange=ExchangeType.MAIN))
    bench.initiate()
    bench.run(1)
    assert only_sa(bench.b)
    bench.run(70)
    assert not ike_sas(bench.b)
    assert events(bench.b, Code.PHASE1_FAILED)[0].facts["half_open"]
