"""Wanted against actual, in virtual time: first attempts, pauses, names with many addresses, demand, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from ikevpn.ike.state.effects import AttemptFailed, ChildDown, ChildUp, StateChange
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.tunnel.failure import Cause, Failure
from ikevpn.service.tunnel.keeper import LONGEST_PAUSE_S, Keeper, PeerPath, Unreachable, pause_s
from ikevpn.service.tunnel.wishes import Wanted, Wisher
from tests.service.virtual import run

HERE = Endpoint.of("192.0.2.1", 500)
FIRST = PeerPath(HERE, Endpoint.of("203.0.113.1", 500))
SECOND = PeerPath(HERE, Endpoint.of("203.0.113.2", 500))
CHILDREN = {"a": 1, "b": 2}


def up(child: str) -> StateChange:
    return ChildUp("paris", child, CHILDREN[child])


def down(child: str) -> StateChange:
    return ChildDown("paris", child, CHILDREN[child])


def failed(reason: Reason, child: str = "") -> AttemptFailed:
    code = Code.PHASE2_FAILED if child else Code.PHASE1_FAILED
    return AttemptFailed("paris", child, Event(code, "paris", reason))


REFUSED = failed(Reason.NO_ANSWER)
Answer = Callable[[PeerPath, tuple[str, ...]], list[StateChange]]


@dataclass
class Peer:
    """A peer that answers every call at once with the state changes of `answer`."""

    answer: Answer
    paths_: Sequence[PeerPath] = (FIRST,)
    calls: list[tuple[float, PeerPath, tuple[str, ...]]] = field(default_factory=list)
    reports: list[Event] = field(default_factory=list)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = Keeper("paris", CHILDREN, self, chance=lambda: 0.5)

    async def paths(self) -> Sequence[PeerPath]:
        if not self.paths_:
            raise Unreachable(Failure(failed(Reason.NAME_NOT_FOUND).event))
        return self.paths_

    def initiate(self, path: PeerPath, children: tuple[str, ...]) -> None:
        self.calls.append((asyncio.get_running_loop().time(), path, children))
        for change in self.answer(path, children):
            self.keeper.changed(change)

    def report(self, event: Event) -> None:
        self.reports.append(event)


def friendly(path: PeerPath, children: tuple[str, ...]) -> list[StateChange]:
    return [up(child) for child in children]


def deaf(path: PeerPath, children: tuple[str, ...]) -> list[StateChange]:
    return [REFUSED]


def test_up_means_all_children() -> None:
    async def scenario() -> None:
        peer = Peer(friendly)
        peer.keeper.want(Wanted.UP)
        assert peer.keeper.state == "connecting"
        assert await peer.keeper.outcome() is None
        assert peer.calls == [(0.0, FIRST, ("a", "b"))]
        assert peer.keeper.state == "up" and peer.keeper.failures == 0

    run(scenario())


def test_a_wish_of_the_user_ends_that_of_the_monitor_and_no_other() -> None:
    async def scenario() -> None:
        keeper = Peer(deaf).keeper
        keeper.want(Wanted.UP)
        keeper.want(Wanted.LISTEN, Wisher.GROUP)
        keeper.want(Wanted.DOWN, Wisher.MONITOR)
        keeper.want(Wanted.UP)
        assert keeper.wish_of(Wisher.MONITOR) is None
        assert keeper.wish_of(Wisher.GROUP) is keeper.wanted is Wanted.LISTEN
        await keeper.close()

    run(scenario())


def test_a_failure_is_told_and_tried_again_for_ever_with_growing_pauses() -> None:
    async def scenario() -> None:
        peer = Peer(deaf)
        peer.keeper.want(Wanted.UP)
        assert await peer.keeper.outcome() == Failure(REFUSED.event)
        await asyncio.sleep(600)
        starts = [when for when, _, _ in peer.calls]
        assert [later - earlier for earlier, later in pairwise(starts)][:6] == [
            2,
            4,
            8,
            16,
            32,
            60,
        ]
        assert peer.keeper.state == "waiting" and peer.keeper.next_attempt is not None
        assert {event.code for event in peer.reports} == {Code.RETRY_LATER}
        await peer.keeper.close()

    run(scenario())


@pytest.mark.parametrize("failures", [1, 5, 10, 10_000])
def test_pauses_are_jittered_and_capped(failures: int) -> None:
    low, high = pause_s(failures, 0.0), pause_s(failures, 0.999)
    assert 0 < low < high <= LONGEST_PAUSE_S * 1.25


def test_every_address_is_tried_in_turn() -> None:
    def only_second(path: PeerPath, children: tuple[str, ...]) -> list[StateChange]:
        return friendly(path, children) if path == SECOND else [REFUSED]

    async def scenario() -> None:
        peer = Peer(only_second, (FIRST, SECOND))
        peer.keeper.want(Wanted.UP)
        assert await peer.keeper.outcome() is None
        assert [path for _, path, _ in peer.calls] == [FIRST, SECOND]

    run(scenario())


def test_only_what_is_missing_is_asked_for_again() -> None:
    refusal = failed(Reason.PROXY_ID_MISMATCH, child="b")

    async def scenario() -> None:
        peer = Peer(lambda path, children: [up("a"), refusal] if "a" in children else [up("b")], (FIRST, SECOND))
        peer.keeper.want(Wanted.UP)
        assert await peer.keeper.outcome() == Failure(refusal.event, child="b")
        assert peer.keeper.state == "partly up"
        assert len(peer.calls) == 1, "another address has no other networks"
        assert await peer.keeper.outcome() is None
        assert peer.calls[1][2] == ("b",)

    run(scenario())


def test_a_tunnel_that_goes_down_comes_up_again_at_once() -> None:
    async def scenario() -> None:
        peer = Peer(friendly)
        peer.keeper.want(Wanted.UP)
        await peer.keeper.outcome()
        peer.keeper.changed(down("a"))
        assert await peer.keeper.outcome() is None
        assert [(when, children) for when, _, children in peer.calls] == [(0.0, ("a", "b")), (0.0, ("a",))]

    run(scenario())


def test_a_name_that_leads_nowhere_is_looked_up_again() -> None:
    async def scenario() -> None:
        peer = Peer(friendly, ())
        peer.keeper.want(Wanted.UP)
        failure = await peer.keeper.outcome()
        assert failure is not None and failure.event.reason is Reason.NAME_NOT_FOUND
        assert failure.event in peer.reports
        peer.paths_ = (SECOND,)
        assert await peer.keeper.outcome() is None
        assert peer.calls[0][1] == SECOND

    run(scenario())


def test_on_demand_starts_with_a_packet_and_only_the_child_it_needs() -> None:
    async def scenario() -> None:
        peer = Peer(friendly)
        peer.keeper.want(Wanted.ON_DEMAND)
        await asyncio.sleep(100)
        assert peer.calls == [] and peer.keeper.state == "ready"
        peer.keeper.acquire(2)
        await asyncio.sleep(0)
        await asyncio.sleep(1)
        assert peer.calls == [(100.0, FIRST, ("b",))]
        peer.keeper.changed(down("b"))
        await asyncio.sleep(100)
        assert len(peer.calls) == 1, "nobody needs it any more"

    run(scenario())


def test_packets_for_a_deaf_peer_do_not_make_a_storm() -> None:
    async def scenario() -> None:
        peer = Peer(deaf)
        peer.keeper.want(Wanted.ON_DEMAND)
        for _ in range(100):
            peer.keeper.acquire(1)
            await asyncio.sleep(0.1)
        assert [when for when, _, _ in peer.calls] == pytest.approx([0, 2, 6])
        assert peer.reports == []
        await peer.keeper.close()

    run(scenario())


def test_listening_calls_nobody() -> None:
    async def scenario() -> None:
        peer = Peer(friendly)
        peer.keeper.want(Wanted.LISTEN)
        peer.keeper.acquire(1)
        await asyncio.sleep(100)
        assert peer.calls == [] and peer.keeper.state == "listening"
        peer.keeper.changed(up("a"))
        peer.keeper.changed(up("b"))
        assert peer.keeper.state == "up"

    run(scenario())


def test_two_dialup_peers_are_two() -> None:
    async def scenario() -> None:
        keeper = Peer(friendly).keeper
        keeper.want(Wanted.LISTEN)
        keeper.changed(ChildUp("paris", "a", 1_000_000))
        keeper.changed(ChildUp("paris", "a", 1_000_001))
        keeper.changed(ChildDown("paris", "a", 1_000_000))
        assert keeper.up == {"a"}

    run(scenario())


def test_down_ends_what_is_under_way() -> None:
    async def scenario() -> None:
        peer = Peer(deaf)
        peer.keeper.want(Wanted.UP)
        await peer.keeper.outcome()
        await peer.keeper.close()
        await asyncio.sleep(1000)
        assert len(peer.calls) == 1 and peer.keeper.state == "down"

    run(scenario())


@pytest.mark.parametrize("where", ["paths", "initiate"])
def test_a_mistake_of_ours_costs_one_attempt(where: str) -> None:
    mistakes = [ZeroDivisionError("by nothing")]

    async def scenario() -> Peer:
        peer = Peer(friendly)
        proper = getattr(peer, where)

        def mistaken(*what: Any) -> Any:
            if mistakes:
                raise mistakes.pop()
            return proper(*what)

        setattr(peer, where, mistaken)
        peer.keeper.want(Wanted.UP)
        outcome = await peer.keeper.outcome()
        assert outcome is not None and outcome.cause is Cause.INTERNAL
        assert peer.keeper.state == "waiting"
        assert await peer.keeper.outcome() is None
        return peer

    peer = run(scenario())
    assert [event.code for event in peer.reports] == [Code.INTERNAL_ERROR, Code.RETRY_LATER]
    assert peer.keeper.state == "up"


def test_who_waits_need_not_wait_where_the_host_has_changed() -> None:
    async def scenario() -> list[float]:
        peer = Peer(lambda path, children: [REFUSED])
        peer.keeper.want(Wanted.UP)
        await asyncio.sleep(0.5)
        peer.keeper.hurry()
        await asyncio.sleep(0.1)
        await peer.keeper.close()
        return [time for time, _, _ in peer.calls]

    assert run(scenario()) == [0.0, 0.5]
