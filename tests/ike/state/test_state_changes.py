"""What the service acts on: each turn of a tunnel's life, whoever began it, and also where people are told nothing."""

from __future__ import annotations

from ikevpn.ike.state.effects import (
    STATE_CHANGES,
    AttemptFailed,
    ChildDown,
    ChildUp,
    PeerAuthenticated,
    PeerLost,
    Phase1Down,
    Phase1Up,
    StateChange,
)
from ikevpn.model.events.event import Code, Reason
from tests.ike.bench import Bench, core_of, networks, tunnel

UP = [PeerAuthenticated, Phase1Up, ChildUp]


def changes(bench: Bench, side: str) -> list[StateChange]:
    """Those since the last call."""
    found = [effect for effect in bench.effects[side] if isinstance(effect, STATE_CHANGES)]
    bench.effects[side].clear()
    return found


def test_both_sides_hear_of_a_tunnel_that_comes_up_is_renewed_and_goes() -> None:
    bench = Bench(tunnel(children=networks(1))).up()
    for side in "ab":
        found = changes(bench, side)
        assert [type(each) for each in found] == UP and {each.tunnel for each in found} == {
            bench.side(side).tunnel.name
        }
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net1"))
    bench.run(1)
    assert changes(bench, "a") == [ChildUp("ab", "net1", 1)]
    assert [type(each) for each in changes(bench, "b")] == [ChildUp]
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(100)
    for side in "ab":
        down, phase1 = changes(bench, side)
        assert isinstance(down, ChildDown) and down.child == "net1"
        assert isinstance(phase1, Phase1Down) and not phase1.replaced


def test_only_whoever_began_has_failed() -> None:
    bench = Bench(tunnel(children=networks(1)))
    bench.tamper = lambda sent: [sent] if sent.sender == "a" else []
    bench.initiate()
    bench.run(400)
    (failed,) = changes(bench, "a")
    assert isinstance(failed, AttemptFailed) and failed.child == ""
    assert failed.event in bench.a.events and failed.event.reason is Reason.NO_ANSWER
    assert bench.b.reasons(Code.PHASE1_FAILED) and changes(bench, "b") == []


def test_a_dead_peer_is_lost_after_its_children() -> None:
    bench = Bench(tunnel(children=networks(1), dpd_interval_s=10, dpd_timeout_s=30)).up()
    changes(bench, "a")
    bench.tamper = lambda sent: []
    bench.run(200)
    assert [type(each) for each in changes(bench, "a")] == [ChildDown, Phase1Down, PeerLost]


def test_what_people_are_not_told_happens_all_the_same() -> None:
    """The peer is a stranger until it has proved who it is, and what strangers call forth is told only so often."""
    bench = Bench(tunnel(children=networks(1)))
    core = core_of(bench.b)
    core.report = lambda code, sa=None, reason=Reason.NONE, **facts: None  # type: ignore[method-assign]
    bench.up()
    assert bench.b.codes() == [Code.CHILD_UP] and [type(each) for each in changes(bench, "b")] == UP
