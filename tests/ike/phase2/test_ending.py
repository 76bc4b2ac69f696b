"""What follows from a quick mode that is not wanted any more, refused, or without its IKE SA."""

from __future__ import annotations

from ikevpn.ike import association
from ikevpn.ike.phase2 import ending, requests
from ikevpn.model.events.event import Code, Reason
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import Bench, children, core_of, events, ike_sas, networks, only_sa, tunnel

QUICK = ExchangeType.QUICK


def begun(steps: int, *numbers: int) -> Bench:
    """Phase 1 is done, and so many datagrams of quick mode have arrived."""
    bench = Bench(tunnel(children=networks(*numbers)))
    bench.initiate()
    for _ in range(6 + steps):
        assert bench.step()
    return bench


def test_what_nobody_wants_goes_no_further() -> None:
    bench = begun(0, 1, 2)
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now, "net1"))
    (failed,) = events(bench.a, Code.PHASE2_FAILED)
    assert failed.reason is Reason.REQUESTED and failed.facts["child"] == "net1"
    assert [each.name for each in requests.ours(only_sa(bench.a))] == ["net2"]
    bench.run(1)
    assert {each.name for each in children(bench.a)} == {"net2"}


def test_what_waits_for_phase_1_and_is_not_wanted_is_not_begun() -> None:
    bench = Bench(tunnel(children=networks(1, 2)))
    bench.initiate()
    ending.cancel(core_of(bench.a), only_sa(bench.a), "ab", "net2")
    bench.run(1)
    assert {each.name for each in children(bench.a)} == {"net1"}
    assert not events(bench.a, Code.PHASE2_FAILED)


def test_half_a_pair_goes_with_its_ike_sa() -> None:
    """The responder has its inbound SA before message 3 comes."""
    bench = begun(1, 1)
    (half,) = ending.half_made(only_sa(bench.b))
    assert half.serial in core_of(bench.b).children
    association.end(core_of(bench.b), only_sa(bench.b), Reason.REQUESTED, with_children=False, tell=True)
    bench.perform(bench.b, bench.b.engine._out())
    assert not children(bench.b) and not bench.b.sas


def test_ours_fails_without_a_successor_of_its_ike_sa() -> None:
    bench = begun(0, 1)
    association.end(core_of(bench.a), only_sa(bench.a), Reason.EXPIRED, with_children=False)
    bench.perform(bench.a, bench.a.engine._out())
    assert [each.reason for each in events(bench.a, Code.PHASE2_FAILED)] == [Reason.EXPIRED]


def test_ours_goes_on_under_the_successor_of_its_ike_sa() -> None:
    bench = Bench(tunnel(children=networks(1))).up()
    old = only_sa(bench.a)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(1)
    new = ike_sas(bench.a)[-1]
    assert new is not old and old.superseded
    old.waiting.append(requests.wanted(bench.a.tunnel, networks(1)[0]))
    association.end(core_of(bench.a), old, Reason.REPLACED, with_children=False)
    assert [each.name for each in requests.ours(new)] == ["net1"]
