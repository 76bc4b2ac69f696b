"""A worker that keeps crashing, in virtual time: it is started again and again, and the daemon goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from types import SimpleNamespace

from ikevpn.dataplane.interface.data_plane import Crashed
from ikevpn.dataplane.interface.sa_plane import Acquire, Expire
from ikevpn.errors import HostError
from ikevpn.model.address import AddressRange
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.sa import Direction, ExpireKind
from ikevpn.model.selector import Selector
from ikevpn.service.plane_events import SIGN_OF_LIFE_S, STEADY_S, PlaneEvents
from tests.service.virtual import run


class Plane:
    """Lives as long as the next of `lives` says, then crashes; negative: does not even start. It costs paris its
    SAs.
    """

    def __init__(self, *lives: float) -> None:
        self.lives = list(lives)
        self.starts: list[float] = []

    async def start(self) -> set[str]:
        self.starts.append(asyncio.get_running_loop().time())
        if self.lives and self.lives[0] < 0:
            del self.lives[0]
            raise HostError("no memory")
        return {"paris"}

    async def events(self) -> AsyncIterator[Crashed]:
        while self.lives:
            await asyncio.sleep(self.lives.pop(0))
            yield Crashed("it fell over")


class Follower:
    """A daemon's parts around such a plane."""

    def __init__(self, *lives: float) -> None:
        self.plane = Plane(*lives)
        self.reports: list[Event] = []
        self.told: list[str] = []
        self.bindings = [SimpleNamespace(restore=lambda: self.told.append("policies"))]
        self.tunnels = [
            SimpleNamespace(name="paris", lose_everything=self.told.append),
            SimpleNamespace(name="lyon", lose_everything=lambda reason: self.told.append("lyon")),
        ]
        self.driver = SimpleNamespace(received_natt=print, expired=print, moved=print, unknown_spi=print)

    def report(self, event: Event) -> None:
        self.reports.append(event)


def follow(*lives: float) -> Follower:
    async def scenario() -> Follower:
        follower = Follower(*lives)
        await PlaneEvents(follower).follow()  # type: ignore[arg-type]
        return follower

    return run(scenario())


def test_the_first_crash_costs_no_time_and_only_those_who_lost_something() -> None:
    follower = follow(1000)
    assert follower.plane.starts == [1000]
    assert follower.told == ["policies", Reason.DATA_PLANE_RESTARTED]
    (event,) = follower.reports
    assert event.code is Code.DATA_PLANE_CRASHED
    assert reasons.sentence(event) == "the data plane ended unexpectedly and is restarted: it fell over"


def test_a_worker_that_keeps_crashing_is_started_again_for_ever_with_growing_pauses() -> None:
    follower = follow(*[0.1] * 30)
    assert len(follower.plane.starts) == len(follower.reports) == 30
    pauses = [later - earlier for earlier, later in pairwise(follower.plane.starts)]
    assert pauses[0] < 4 and min(pauses[10:]) > 40 and max(pauses) < 90
    assert "is restarted in " in reasons.sentence(follower.reports[-1])


def test_a_worker_that_does_not_start_is_tried_again() -> None:
    follower = follow(0, -1, -1, 5)
    assert len(follower.plane.starts) == 4
    assert [event.facts["detail"] for event in follower.reports] == [
        "it fell over",
        "no memory",
        "no memory",
        "it fell over",
    ]
    assert follower.told == ["policies", Reason.DATA_PLANE_RESTARTED] * 2


def test_the_worker_is_asked_for_a_sign_of_life_and_its_silence_ends_nothing() -> None:
    async def scenario() -> list[float]:
        follower, asked = Follower(), list[float]()

        async def counters() -> None:
            asked.append(asyncio.get_running_loop().time())
            raise HostError("the data plane's process does not answer")

        follower.plane.counters = counters  # type: ignore[attr-defined]
        watching = asyncio.create_task(PlaneEvents(follower).watch())  # type: ignore[arg-type]
        await asyncio.sleep(2 * SIGN_OF_LIFE_S + 1)
        watching.cancel()
        return asked

    assert run(scenario()) == [SIGN_OF_LIFE_S, 2 * SIGN_OF_LIFE_S]


def test_after_a_good_life_there_is_no_pause() -> None:
    follower = follow(0, 0, STEADY_S)
    assert ["seconds" in event.facts for event in follower.reports] == [False, True, False]


class Searched(dict[str, object]):
    """Tunnels that are found by name, and never walked through."""

    find = dict.get

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a walk through all tunnels")


def test_an_event_of_one_tunnel_costs_the_same_beside_others() -> None:
    async def scenario() -> list[object]:
        follower = Follower()
        told: list[object] = []
        keeper = SimpleNamespace(acquire=told.append)
        keying = SimpleNamespace(expired=lambda event: event.reqid == 7)
        follower.tunnels = Searched(paris=SimpleNamespace(keeper=keeper, keying=keying))  # type: ignore[assignment]
        follower.driver.expired = told.append
        events = PlaneEvents(follower)  # type: ignore[arg-type]
        selector = Selector(AddressRange.everything(4), AddressRange.everything(4))
        mine, engines, gone = (
            Expire(1, Direction.IN, reqid, tunnel, ExpireKind.SOFT)
            for reqid, tunnel in ((7, "paris"), (8, "paris"), (9, "gone"))
        )
        for event in (Acquire("paris", 5, selector), Acquire("gone", 6, selector), mine, engines, gone):
            events._acts[type(event)](event)
        return [each if isinstance(each, int) else each.reqid for each in told]  # type: ignore[attr-defined]

    assert run(scenario()) == [5, 8, 9]
