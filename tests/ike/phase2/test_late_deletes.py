"""A peer that leaves sends several Deletes; the network may turn them round."""

from __future__ import annotations

import pytest

from ikevpn.ike.state.effects import Send
from ikevpn.model.events.event import Code, Reason
from tests.ike.bench import Bench, children, events, ike_sas


def goodbye(bench: Bench) -> list[bytes]:
    """What "b" says when it leaves, in the order in which it says it; nothing of it has arrived yet."""
    effects = bench.b.engine.terminate("ba", bench.now)
    return [effect.data for effect in effects if isinstance(effect, Send)]


def hears(bench: Bench, data: bytes) -> None:
    bench.perform(bench.a, bench.a.engine.datagram(data, bench.a.address, bench.b.address, bench.now))


def test_the_delete_of_a_pair_counts_although_that_of_the_ike_sa_came_first() -> None:
    bench = Bench().up()
    pair, ike_sa = goodbye(bench)
    hears(bench, ike_sa)
    assert not ike_sas(bench.a) and children(bench.a)
    hears(bench, pair)
    assert not children(bench.a)
    assert events(bench.a, Code.CHILD_DOWN)[-1].reason is Reason.PEER_DELETED


def test_a_pair_whose_delete_is_lost_is_renewed() -> None:
    """Nothing would show that the peer has forgotten it: there is no IKE SA left under which to ask."""
    bench = Bench().up()
    bench.run(61)
    (left,) = children(bench.a)
    _, ike_sa = goodbye(bench)
    hears(bench, ike_sa)
    assert not ike_sas(bench.a) and children(bench.a) == [left]
    bench.run(60)
    (ours,), (theirs,) = children(bench.a), children(bench.b)
    assert ike_sas(bench.a) and (ours.spi_in, ours.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert ours.spi_in != left.spi_in


def test_a_peer_that_keeps_no_ike_sa_is_left_alone() -> None:
    """Where it goes as soon as it has done its work, a renewal would end like that too, and so on."""
    bench = Bench().up()
    _, ike_sa = goodbye(bench)
    hears(bench, ike_sa)
    before = len(bench.log)
    bench.run(60)
    assert len(bench.log) == before and children(bench.a)


def test_also_the_pairs_of_the_first_of_many_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikevpn.ike.phase2.late_deletes._MOST", 0)
    bench = Bench().up()
    bench.run(61)
    (left,) = children(bench.a)
    _, ike_sa = goodbye(bench)
    hears(bench, ike_sa)
    bench.run(60)
    assert left not in children(bench.a) and ike_sas(bench.a)


def test_only_for_a_moment() -> None:
    bench = Bench().up()
    pair, ike_sa = goodbye(bench)
    hears(bench, ike_sa)
    bench.run(60)
    hears(bench, pair)
    assert children(bench.a)


def test_what_does_not_verify_takes_nothing_down() -> None:
    bench = Bench().up()
    pair, ike_sa = goodbye(bench)
    hears(bench, ike_sa)
    hears(bench, pair[:-1] + bytes([pair[-1] ^ 1]))
    assert children(bench.a)
    hears(bench, pair)
    assert not children(bench.a)
