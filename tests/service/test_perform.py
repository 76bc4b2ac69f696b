"""Every effect has its act, and acts happen in the order of the effects."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

from ikevpn.ike.state.effects import (
    AddSa,
    Ask,
    AttemptFailed,
    ChildDown,
    ChildUp,
    DeleteSa,
    Effect,
    ExportKeys,
    Keepalive,
    LookUp,
    MoveSas,
    PeerAuthenticated,
    PeerLost,
    Phase1Down,
    Phase1Up,
    QuerySa,
    Report,
    Send,
    StateChange,
)
from ikevpn.ike.values.question import Question, Ticket
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Event
from ikevpn.model.sa import Direction, Sa
from ikevpn.service.perform import Performer
from ikevpn.wire.registry import EspCipher
from tests.capture.test_wireshark import sa

HERE, THERE = Endpoint.of("192.0.2.1", 500), Endpoint.of("192.0.2.2", 500)
SA = sa(EspCipher.AES_GCM_16, "00" * 20)
ASK = Ask(Ticket(1, 0, 2), Question(), 5.0)
EVENT = Event(Code.IKE_UP, "t")
CHANGES: list[StateChange] = [
    PeerAuthenticated("t"),
    Phase1Up("t"),
    Phase1Down("t", replaced=False, event=EVENT),
    ChildUp("t", "c", 3),
    ChildDown("t", "c", 3),
    AttemptFailed("t", "c", EVENT),
    PeerLost("t"),
]


class Recorder:
    """Stands for everything that a performer acts upon, and writes down what it is asked to do."""

    def __init__(self, name: str, done: list[tuple[Any, ...]]) -> None:
        self._name, self._done = name, done

    def __getattr__(self, verb: str) -> Any:
        def act(*what: Any) -> None:
            self._done.append((f"{self._name}.{verb}", *what))

        return act


def perform(*effects: Effect) -> list[tuple[Any, ...]]:
    done: list[tuple[Any, ...]] = []
    plane, ports, bindings, captures = (Recorder(name, done) for name in ("plane", "ports", "bindings", "captures"))
    performer = Performer(
        plane,
        ports,
        bindings,
        captures,
        report=lambda event: done.append(("report", event)),
        changed=lambda change: done.append(("changed", change)),
        query=lambda spis: done.append(("query", spis)),
        ask=lambda effect: done.append(("ask", effect)),
        look_up=lambda: done.append(("look_up",)),
    )
    performer.perform(effects)
    return done


def test_every_effect_has_its_act() -> None:
    effects: list[Effect] = [
        Send(b"1", HERE, THERE),
        Send(b"2", HERE, THERE, natt=True),
        AddSa(SA),
        DeleteSa(7, Direction.OUT, 3, "t"),
        MoveSas((7, 8), HERE, THERE),
        QuerySa((7, 8)),
        ASK,
        Keepalive(HERE, THERE, 20.0),
        LookUp(),
        Report(EVENT),
        *CHANGES,
        ExportKeys(b"cookie", b"key"),
    ]
    assert {type(effect) for effect in effects} == set(get_args(Effect))
    assert perform(*effects) == [
        ("ports.send", b"1", HERE, THERE),
        ("plane.send_ike", b"2", HERE, THERE),
        ("bindings.adding", SA),
        ("captures.add_esp", SA),
        ("plane.add_sa", SA),
        ("plane.delete_sa", 7, Direction.OUT, 3),
        ("bindings.deleted", DeleteSa(7, Direction.OUT, 3, "t")),
        ("plane.move_sas", (7, 8), HERE, THERE),
        ("query", (7, 8)),
        ("ask", ASK),
        ("plane.keepalive", HERE, THERE, 20.0),
        ("look_up",),
        ("report", EVENT),
        *(("changed", change) for change in CHANGES),
        ("captures.add_ike", b"cookie", b"key"),
    ]


def test_the_host_is_prepared_before_an_sa_and_tidied_after_it() -> None:
    verbs = [act[0] for act in perform(AddSa(SA), DeleteSa(SA.spi, SA.direction, SA.reqid, SA.tunnel))]
    assert verbs.index("bindings.adding") < verbs.index("plane.add_sa")
    assert verbs.index("plane.delete_sa") < verbs.index("bindings.deleted")


def test_what_lets_the_peer_send_waits_until_the_host_is_ready_for_it() -> None:
    """The answer to the first packet of the peer found the block of a tunnel that was just being opened."""

    async def scenario() -> None:
        done: list[tuple[Any, ...]] = []
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        plane, ports, captures = (Recorder(name, done) for name in ("plane", "ports", "captures"))
        performer = Performer(plane, ports, Preparing(ready), captures, *[done.append] * 4)
        performer.perform([Send(b"before", HERE, THERE), AddSa(SA, answering=True), Send(b"after", HERE, THERE)])
        assert [act[0] for act in done] == ["ports.send", "captures.add_esp", "plane.add_sa"]
        performer.perform([AddSa(SA), Send(b"message 3", HERE, THERE)])
        assert done[-1] == ("ports.send", b"message 3", HERE, THERE), "our own packets must not overtake it"
        performer.perform([Send(b"of another peer", HERE, THERE)])
        assert done[-1] == ("ports.send", b"of another peer", HERE, THERE)
        ready.set_result(None)
        await asyncio.sleep(0)
        assert done[-1] == ("ports.send", b"after", HERE, THERE)

    asyncio.run(scenario())


class Preparing:
    """A host that is not ready at once."""

    def __init__(self, ready: asyncio.Future[None]) -> None:
        self._ready = ready

    def adding(self, sa: Sa) -> asyncio.Future[None]:
        return self._ready

    def deleted(self, effect: DeleteSa) -> None: ...
