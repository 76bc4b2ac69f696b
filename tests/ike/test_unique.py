"""A peer that is connected connects again from another address: what becomes of the two connections."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ikevpn.ike.engine import Engine
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, NatTraversal, Unique
from tests.ike.bench import Bench, children, core_of, events, ike_sas, networks, other_side, tunnel
from tests.ike.pair import AT_ONCE, HERE, Side

ELSEWHERE = Endpoint.of("203.0.113.9", 500)
SHARED = Identity.of("branch.example.net")


def dialup(unique: Unique, **changes: object) -> Bench:
    """ "b" takes calls from anywhere under one identity, for any network of 10.1."""
    ours = tunnel(local_id=SHARED, nat_traversal=NatTraversal.OFF, **changes)
    wide = (Child("net", 41, Selector(AddressRange.of("10.2.0.0/16"), AddressRange.of("10.1.0.0/16"))),)
    return Bench(ours, replace(other_side(ours), remotes=(), unique=unique, children=wide)).up()


def again(bench: Bench, source: Endpoint, *, seed: str = "again") -> None:
    """Another machine, or the same after a restart, calls from `source` and says nothing of an initial contact."""
    bench.a = Side("a", bench.a.tunnel, HERE, AT_ONCE)
    bench.a.engine = Engine(AT_ONCE, random.Random(seed).randbytes)
    bench.a.engine.add_tunnel(bench.a.tunnel)
    bench.nat = {HERE: source}
    bench.initiate()
    bench.run(1)


def places(bench: Bench) -> list[str]:
    return sorted(str(sa.remote.address) for sa in ike_sas(bench.b) if not sa.superseded)


def test_replace_lets_the_new_one_take_over() -> None:
    bench = dialup(Unique.REPLACE, initial_contact=False)
    again(bench, ELSEWHERE)
    assert events(bench.a, Code.CHILD_UP)
    assert places(bench) == [str(ELSEWHERE.address)]
    assert [str(each.remote.address) for each in children(bench.b) if not each.superseded] == [str(ELSEWHERE.address)]
    bench.run(120)
    assert len(ike_sas(bench.b)) == 1


@pytest.mark.parametrize("initial_contact", [False, True])
def test_keep_lets_both_live(initial_contact: bool) -> None:
    bench = dialup(Unique.KEEP, initial_contact=initial_contact)
    bench.a.tunnel = replace(bench.a.tunnel, children=networks(1))
    again(bench, ELSEWHERE)
    assert events(bench.a, Code.CHILD_UP)
    assert places(bench) == sorted([str(HERE.address), str(ELSEWHERE.address)])
    bench.run(120)
    assert len(ike_sas(bench.b)) == 2 == len(children(bench.b))


def test_keep_gives_nobody_the_network_of_the_other() -> None:
    bench = dialup(Unique.KEEP)
    again(bench, ELSEWHERE)
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.ADDRESS_TAKEN]


@pytest.mark.parametrize("initial_contact", [False, True])
def test_refuse_keeps_the_older_one(initial_contact: bool) -> None:
    bench = dialup(Unique.REFUSE, initial_contact=initial_contact)
    before = dict(bench.b.sas)
    again(bench, ELSEWHERE)
    assert places(bench) == [str(HERE.address)] and bench.b.sas == before
    assert not events(bench.a, Code.IKE_UP)
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.ALREADY_CONNECTED]
    (failed,) = events(bench.b, Code.PHASE1_FAILED)
    assert failed.facts["connected"] == str(HERE) and failed.facts["remote"] == str(ELSEWHERE)


def test_refuse_asks_the_older_one_and_a_dead_one_makes_room() -> None:
    bench = dialup(Unique.REFUSE)
    again(bench, ELSEWHERE)
    assert events(bench.b, Code.DPD_SENT)
    bench.run(60)  # nobody is there any more to answer
    assert bench.b.reasons(Code.IKE_DOWN) == [Reason.DEAD_PEER]
    again(bench, ELSEWHERE, seed="once more")
    assert events(bench.a, Code.CHILD_UP) and places(bench) == [str(ELSEWHERE.address)]


def test_refuse_takes_a_renewal_and_a_restart_at_the_same_address() -> None:
    bench = dialup(Unique.REFUSE)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(1)
    assert events(bench.a, Code.IKE_REKEYED)
    again(bench, HERE)
    assert events(bench.a, Code.IKE_UP) and not bench.b.reasons(Code.PHASE1_FAILED)


def test_who_is_not_the_same_is_never_refused() -> None:
    bench = dialup(Unique.REFUSE)
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, remote_id=None))
    bench.a.tunnel = replace(bench.a.tunnel, local_id=Identity.of("other.example.net"))
    again(bench, ELSEWHERE)
    assert events(bench.a, Code.IKE_UP)
    assert core_of(bench.b).established.of(*ike_sas(bench.b)[0].peers)
