"""When SAs are renewed and when they end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.limits import LimitWatch
from ikevpn.ike.state.core import Core, EngineSettings
from ikevpn.ike.state.sa import Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import lifetime
from ikevpn.model.events.event import Code
from ikevpn.model.proposal import Lifetime
from ikevpn.model.sa import Direction, ExpireKind
from tests.ike.bench import ESP, Bench, children, core_of, events, ike_sas, only_sa, other_side, tunnel

INITIATOR, RESPONDER = Role.INITIATOR, Role.RESPONDER


@given(st.floats(0.01, 0.9), st.integers(0, 255))
def test_the_initiator_is_first(margin: float, jitter: int) -> None:
    core = Core(EngineSettings(), lambda size: bytes([jitter] * size))
    early, late = (lifetime.renewal_share(core, margin, role) for role in (INITIATOR, RESPONDER))
    assert 0 < early <= late < 1
    if margin <= 0.6:
        assert 1 - 1.5 * margin <= early <= 1 - margin and 1 - 0.75 * margin <= late <= 1 - margin / 2


def test_both_kinds_of_limits() -> None:
    bench = Bench(tunnel(ipsec_lifetime=Lifetime(3600, 1000))).up()
    (child,) = children(bench.a)
    out, into = (lifetime.limits(child, child.layers[0], way) for way in (Direction.OUT, Direction.IN))
    assert out.hard_bytes == into.hard_bytes == 1_024_000 and 0 < out.soft_bytes < out.hard_bytes
    assert out.hard_seconds == 3600
    assert 0 < out.soft_packets < out.hard_packets < 2**32 and not into.hard_packets
    child.proposal = replace(ESP, extended_sequence_numbers=True)
    assert not lifetime.limits(child, child.layers[0], Direction.OUT).hard_packets


@pytest.mark.parametrize("margin", [0.1, 0.5, 0.9])
def test_soft_comes_before_hard(margin: float) -> None:
    bench = Bench(tunnel(ipsec_lifetime=Lifetime(3600, 1000), rekey_margin=margin)).up()
    for side in (bench.a, bench.b):
        child = children(side)[0]
        limits = lifetime.limits(child, child.layers[0], Direction.OUT)
        assert 0 < limits.soft_bytes < limits.hard_bytes


def test_the_initiator_is_first_at_any_speed() -> None:
    bench = Bench(tunnel(ipsec_lifetime=Lifetime(3600, 1000))).up()
    first, second = (
        lifetime.limits(each, each.layers[0], Direction.OUT) for side in (bench.a, bench.b) for each in children(side)
    )
    assert 0 < first.early_bytes < second.early_bytes < second.soft_bytes
    assert first.lead_s > second.lead_s > 0


def test_without_a_limit_nothing_is_planned() -> None:
    forever = tunnel(ike_lifetime=Lifetime(), ipsec_lifetime=Lifetime(0, 0))
    bench = Bench(forever).up()
    assert core_of(bench.a).timers.at(Timer(TimerKind.IKE_EXPIRE, only_sa(bench.a).serial)) is None
    (child,) = children(bench.a)
    assert child.lifetime == Lifetime(28800)  # phase 2 has a default


def test_callers_renew_their_phase_1_themselves() -> None:
    bench = Bench(tunnel(), replace(other_side(tunnel()), remotes=())).up()
    sa = only_sa(bench.b)
    timers = core_of(bench.b).timers
    assert timers.at(Timer(TimerKind.IKE_REKEY, sa.serial)) is None
    assert timers.at(Timer(TimerKind.IKE_EXPIRE, sa.serial)) == sa.established + 28800


def test_phase_1_is_renewed_before_its_end_again_and_again() -> None:
    bench = Bench(tunnel(ike_lifetime=Lifetime(600), ipsec_lifetime=Lifetime(100_000))).up()
    bench.run(6000)
    assert len(events(bench.a, Code.IKE_REKEYED)) >= 10
    assert not events(bench.a, Code.IKE_DOWN, Code.CHILD_DOWN, Code.CHILD_REKEYED)
    assert len(ike_sas(bench.a)) <= 2 and len(ike_sas(bench.b)) <= 2 and bench.matched()


def test_a_renewal_of_phase_1_that_fails_is_tried_again() -> None:
    bench = Bench(tunnel(ike_lifetime=Lifetime(6000))).up()
    bench.tamper = lambda sent: [] if sent.datagram.data[18] == 2 else [sent]
    bench.run(5600)
    assert events(bench.a, Code.PHASE1_FAILED) and not events(bench.a, Code.IKE_DOWN)
    bench.tamper = lambda sent: [sent]
    bench.run(390)
    assert events(bench.a, Code.IKE_REKEYED) and not events(bench.a, Code.IKE_DOWN)


def test_what_is_not_renewed_ends() -> None:
    bench = Bench(tunnel(ike_lifetime=Lifetime(600), ipsec_lifetime=Lifetime(900))).up()
    bench.tamper = lambda sent: []
    bench.run(2000)
    assert not bench.a.sas and not bench.b.sas and not ike_sas(bench.a) and not ike_sas(bench.b)
    assert events(bench.a, Code.IKE_DOWN)[0].reason == "expired" == events(bench.a, Code.CHILD_DOWN)[0].reason
    bench.run(200)
    assert bench.a.engine.next_timer() is None and bench.b.engine.next_timer() is None


def test_a_lifetime_in_packets_is_ours_and_counts_both_ways() -> None:
    mine = tunnel(ipsec_lifetime_packets=1000)
    bench = Bench(mine, replace(other_side(mine), ipsec_lifetime_packets=0)).up()
    (ours,), (theirs,) = children(bench.a), children(bench.b)
    for way in Direction:
        limits = lifetime.limits(ours, ours.layers[0], way)
        assert 0 < limits.soft_packets < limits.hard_packets == 1000
        assert lifetime.limits(theirs, theirs.layers[0], way).hard_packets in (0, 2**32 - 1)
    ours.proposal = replace(ESP, extended_sequence_numbers=True)
    assert lifetime.limits(ours, ours.layers[0], Direction.OUT).hard_packets == 1000


def test_a_lifetime_in_packets_leads_to_a_renewal() -> None:
    mine = tunnel(ipsec_lifetime_packets=1000)
    bench = Bench(mine).up()
    (old,) = children(bench.a)
    watch = LimitWatch.of(bench.a.sas[Direction.OUT, old.spi_out])
    kind = next(kind for packets in range(1001) if (kind := watch.check(0, packets, 1.0)) is not None)
    assert kind is ExpireKind.SOFT
    bench.perform(bench.a, bench.a.engine.expired(old.spi_out, Direction.OUT, old.reqid, kind, bench.now))
    bench.run(1)
    assert events(bench.a, Code.CHILD_REKEYED) and old.superseded and bench.matched()
