"""The face of the engine: commands, events of the data plane, time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ikevpn.errors import UsageError
from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import ExportKeys, Report, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.sa import Direction, ExpireKind, SaUse
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import (
    HERE,
    THERE,
    Bench,
    children,
    core_of,
    events,
    ike_sas,
    networks,
    only_sa,
    other_side,
    outbound,
    tunnel,
)


def test_unknown_tunnels_are_our_own_mistake() -> None:
    engine = Engine(EngineSettings(), random.Random(1).randbytes)
    for command in (
        lambda: engine.initiate("x", HERE, THERE, 1.0),
        lambda: engine.terminate("x", 1.0),
        lambda: engine.rekey("x", 1.0),
        lambda: engine.probe("x", 1.0),
        lambda: engine.acquire("x", 1, HERE, THERE, 1.0),
        lambda: engine.remove_tunnel("x"),
    ):
        with pytest.raises(UsageError, match="no tunnel x"):
            command()
    assert engine.next_timer() is None and engine.timer(5.0) == []


def test_bringing_up_what_is_up_does_nothing() -> None:
    bench = Bench(tunnel(children=networks(1, 2))).up()
    before = len(bench.log)
    bench.initiate()
    bench.run(1)
    assert len(bench.log) == before


def test_only_what_is_missing_is_brought_up() -> None:
    bench = Bench(tunnel(children=networks(1, 2))).up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now, "net1"))
    bench.run(1)
    assert len(outbound(bench.a)) == len(outbound(bench.b)) == 1 and len(ike_sas(bench.a)) == 1
    bench.initiate()
    bench.run(1)
    assert len(outbound(bench.a)) == 2 and len(ike_sas(bench.a)) == 1


def test_children_by_name() -> None:
    bench = Bench(tunnel(children=networks(1, 2)))
    bench.perform(bench.a, bench.a.engine.initiate("ab", HERE, THERE, bench.now, ["net2"]))
    bench.run(1)
    assert [sa.reqid for sa in outbound(bench.a)] == [2]


def test_phase_1_alone() -> None:
    bench = Bench()
    bench.perform(bench.a, bench.a.engine.initiate("ab", HERE, THERE, bench.now, []))
    bench.run(1)
    assert events(bench.a, Code.IKE_UP) and not bench.a.sas


def test_a_packet_brings_up_its_child() -> None:
    bench = Bench(tunnel(children=networks(1, 2)))
    for _ in range(3):
        bench.perform(bench.a, bench.a.engine.acquire("ab", 2, HERE, THERE, bench.now))
    bench.run(1)
    assert [sa.reqid for sa in outbound(bench.a)] == [2] and len(bench.datagrams("a", ExchangeType.QUICK)) == 2
    assert bench.a.engine.acquire("ab", 99, HERE, THERE, bench.now) == []


def test_the_other_side_may_begin_too() -> None:
    bench = Bench().up()
    bench.perform(bench.b, bench.b.engine.rekey("ba", bench.now, "net"))
    bench.run(3)
    assert events(bench.b, Code.CHILD_REKEYED) and events(bench.a, Code.CHILD_REKEYED) and bench.matched()


def test_shutdown_says_goodbye() -> None:
    bench = Bench(tunnel(children=networks(1, 2))).up()
    bench.perform(bench.a, bench.a.engine.shutdown(bench.now))
    bench.run(1)
    for side in (bench.a, bench.b):
        assert not side.sas and not ike_sas(side) and side.engine.next_timer() is None


def test_a_tunnel_that_is_replaced_counts_for_what_comes() -> None:
    bench = Bench(tunnel(children=networks(1))).up()
    for side in (bench.a, bench.b):
        mine = tunnel(children=networks(1, 2))
        side.engine.add_tunnel(mine if side is bench.a else other_side(mine))
    bench.initiate()
    bench.run(1)
    assert len(outbound(bench.a)) == 2 and bench.matched() and len(ike_sas(bench.a)) == 1


def test_a_tunnel_that_is_removed_takes_no_quick_modes() -> None:
    bench = Bench(tunnel(children=networks(1, 2)))
    bench.perform(bench.a, bench.a.engine.initiate("ab", HERE, THERE, bench.now, ["net1"]))
    bench.run(1)
    bench.b.engine.remove_tunnel("ba")
    bench.initiate()
    bench.run(1)
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.PROXY_ID_MISMATCH]


def test_what_the_data_plane_says_of_unknown_sas() -> None:
    bench = Bench().up()
    engine = bench.a.engine
    for effects in (
        engine.expired(1, Direction.IN, 1, ExpireKind.SOFT, bench.now),
        engine.expired(1, Direction.OUT, 1, ExpireKind.HARD, bench.now),
        engine.mapping(1, THERE, bench.now),
        engine.sa_used(SaUse(1, Direction.IN, idle_s=0.0), bench.now),
    ):
        assert effects == []


def test_keys_for_a_capture() -> None:
    bench = Bench().up()
    exported = [effect for effect in bench.effects["a"] if isinstance(effect, ExportKeys)]
    there = [effect for effect in bench.effects["b"] if isinstance(effect, ExportKeys)]
    assert exported == there and exported[0].cky_i == only_sa(bench.a).cky_i
    assert exported[0].encryption_key.hex() not in repr(exported[0])


def test_every_event_has_plain_facts() -> None:
    bench = Bench(tunnel(children=networks(1, 2), dpd_interval_s=10)).up()
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(100)
    for effects in bench.effects.values():
        for effect in effects:
            if isinstance(effect, Report):
                for fact in effect.event.facts.values():
                    assert isinstance(fact, str | int | float | bool | tuple), effect


def test_many_tunnels_leave_nothing() -> None:
    """Three hundred tunnels to one concentrator, up, renewed and down again."""
    bench = Bench()
    count = 300
    server = bench.b.engine
    server.remove_tunnel("ba")
    plain = bench.a.tunnel
    for number in range(count):
        one = networks(number % 250)[0]
        child = replace(one, name=f"net{number}", reqid=number + 1)
        here = Endpoint.of(f"203.0.{number // 250}.{number % 250 + 1}", 500)
        mine = replace(plain, name=f"t{number}", children=(child,), initial_contact=False)
        there = replace(other_side(mine), name=f"s{number}", remotes=(AddressRange.of_address(here.address),))
        bench.a.engine.add_tunnel(mine)
        server.add_tunnel(there)
        bench.a.address = here
        bench.perform(bench.a, bench.a.engine.initiate(f"t{number}", here, THERE, bench.now))
        _settle(bench)
    assert len(ike_sas(bench.b)) == len(ike_sas(bench.a)) == count
    bench.run(3)
    assert len(children(bench.b)) == count and bench.matched()
    bench.perform(bench.a, bench.a.engine.shutdown(bench.now))
    bench.run(3)
    core = core_of(bench.b)
    assert not core.ike_sas and not core.children and not core.neighbours and not len(core.timers)


def _settle(bench: Bench) -> None:
    while bench.step():
        pass


def test_sending_is_only_where_something_is_due() -> None:
    bench = Bench(tunnel(dpd_interval_s=0)).up()
    bench.run(2)
    effects = bench.a.engine.timer(bench.now)
    assert not [effect for effect in effects if isinstance(effect, Send)]
