"""The real engine among a clock and a data plane that only writes down what it is told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import Effect, QuerySa, Report, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.sa import Direction, SaUse
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, Tunnel
from ikevpn.service.driver import Driver
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity, Protocol
from tests.service.virtual import run

HERE, THERE = Endpoint.of("192.0.2.1", 500), Endpoint.of("192.0.2.2", 500)
TUNNEL = Tunnel(
    name="t",
    ike_proposals=(IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_1024),),
    ipsec_proposals=(IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1),),
    children=(Child("c", 1, Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of("10.2.0.0/16"))),),
    remotes=(AddressRange.of("192.0.2.2"),),
    psk=Secret(b"secret"),
)


class Plane:
    """As much of a data plane as the driver asks for."""

    def __init__(self) -> None:
        self.esp: list[bytes] = []
        self.asked: list[tuple[int, ...]] = []

    def esp_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        self.esp.append(data)

    async def query(self, spis: tuple[int, ...]) -> list[SaUse]:
        self.asked.append(spis)
        return [SaUse(7, Direction.OUT, packets=1), SaUse(7, Direction.IN, packets=5, idle_s=1.0)]


def driving() -> tuple[Driver, Plane, list[Effect]]:
    done: list[Effect] = []
    plane = Plane()
    driver = Driver(Engine(EngineSettings(), lambda n: bytes(range(1, n + 1))), plane)  # type: ignore[arg-type]
    driver.perform = done.extend
    return driver, plane, done


def test_esp_on_the_ike_port_goes_to_the_data_plane_where_a_peer_sends_it_so() -> None:
    async def scenario() -> None:
        driver, plane, done = driving()
        driver.received(bytes(8) + b"esp", HERE, THERE)
        assert plane.esp == [] and done == [] and driver.counters["esp-unexpected"] == 1
        driver.engine.takes_marked_esp = lambda remote: remote == THERE  # type: ignore[method-assign]
        driver.received(bytes(8) + b"esp", HERE, THERE)
        assert plane.esp == [b"esp"] and done == []

    run(scenario())


def test_rubbish_costs_a_counter_and_nothing_else() -> None:
    async def scenario() -> None:
        driver, _, done = driving()
        driver.received(b"rubbish", HERE, THERE)
        assert done == [] and driver.engine.counters["drop-malformed"] == 1

    run(scenario())


def test_the_engine_is_woken_at_its_deadlines_and_no_more() -> None:
    async def scenario() -> list[Code]:
        driver, _, done = driving()
        driver.engine.add_tunnel(TUNNEL)
        driver.run(lambda now: driver.engine.initiate("t", HERE, THERE, now))
        await asyncio.sleep(300)
        assert driver.engine.next_timer() is None
        await driver.close()
        assert sum(isinstance(effect, Send) for effect in done) == 1 + TUNNEL.retransmit_tries
        return [effect.event.code for effect in done if isinstance(effect, Report)]

    codes = run(scenario())
    assert codes == [Code.PHASE1_STARTED, *[Code.RETRANSMITTED] * 5, Code.PHASE1_FAILED]


def test_a_question_about_an_sa_is_answered_with_its_inbound_use() -> None:
    async def scenario() -> list[SaUse]:
        driver, plane, _ = driving()
        asked: list[Any] = []
        driver.engine.sa_used = lambda use, now: asked.append(use) or []  # type: ignore[method-assign, func-returns-value]
        driver.query(QuerySa((7, 8)).spis)
        await asyncio.sleep(1)
        await driver.close()
        assert plane.asked == [(7, 8)], "once for all"
        return asked

    assert run(scenario()) == [SaUse(7, Direction.IN, packets=5, idle_s=1.0), SaUse(8, Direction.IN)]


def test_a_mistake_of_ours_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    def broken(effects: list[Effect]) -> None:
        raise RuntimeError("a mistake")

    async def scenario() -> int:
        driver, _, _ = driving()
        driver.perform = broken  # type: ignore[assignment]
        logging.getLogger("ikevpn").propagate = True
        driver.received(b"rubbish", HERE, THERE)
        return driver.counters["internal-error"]

    assert run(scenario()) == 1
    assert "a mistake" in caplog.text


def test_commands_of_ours_raise() -> None:
    async def scenario() -> None:
        driver, _, _ = driving()
        with pytest.raises(Exception, match="no tunnel nowhere"):
            driver.run(lambda now: driver.engine.initiate("nowhere", HERE, THERE, now))

    run(scenario())
