"""Quick modes that we want."""

from __future__ import annotations

from ikevpn.ike.phase2 import requests
from ikevpn.ike.state.sa import Role
from ikevpn.model.events.event import Code
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import Bench, children, core_of, events, ike_sas, networks, only_sa, tunnel

QUICK = ExchangeType.QUICK


def quick_modes(bench: Bench) -> int:
    return len({data[20:24] for data in bench.datagrams("a", QUICK)})


def test_they_wait_for_phase_1() -> None:
    bench = Bench(tunnel(children=networks(1, 2)))
    bench.initiate()
    assert [each.name for each in only_sa(bench.a).waiting] == ["net1", "net2"] and not requests.ours(only_sa(bench.a))
    bench.run(0.1)
    assert not only_sa(bench.a).waiting and quick_modes(bench) == 2


def test_none_is_begun_twice() -> None:
    bench = Bench(tunnel(children=networks(1)))
    bench.initiate()
    bench.initiate()
    assert len(only_sa(bench.a).waiting) == 1
    for _ in range(6):
        bench.step()
    assert [each.name for each in requests.ours(only_sa(bench.a))] == ["net1"]
    bench.initiate()
    bench.run(1)
    assert quick_modes(bench) == 1


def test_those_of_the_peer_are_not_ours() -> None:
    bench = Bench()
    bench.initiate()
    for _ in range(7):
        bench.step()
    ((exchange, state),) = requests.under_way(only_sa(bench.b))
    assert exchange.role is Role.RESPONDER and state.request is not None and not requests.ours(only_sa(bench.b))
    bench.run(1)
    assert not requests.under_way(only_sa(bench.a)) and not requests.under_way(only_sa(bench.b))


def test_a_pair_without_an_ike_sa_gets_one_to_be_renewed_under() -> None:
    bench = Bench().up()
    core = core_of(bench.a)
    core.forget_ike_sa(only_sa(bench.a))
    requests.renew(core, children(bench.a)[0])
    bench.perform(bench.a, bench.a.engine._out())
    bench.run(1)
    assert events(bench.a, Code.CHILD_REKEYED) and len(ike_sas(bench.a)) == 1
