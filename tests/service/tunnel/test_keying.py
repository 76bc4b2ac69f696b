"""A tunnel that IKE negotiates: the engine hears of it, and hears nothing of one that it does not know."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.load import load
from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import Effect, Send
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Reason
from ikevpn.model.sa import Direction, ExpireKind
from ikevpn.service.driver import Driver
from ikevpn.service.tunnel.keeper import PeerPath
from ikevpn.service.tunnel.keying import IkeKeying
from tests.service.tunnel.test_tunnels import TUNNEL

PEER = AddressRange.of("192.0.2.2")


@pytest.fixture
def config(tmp_path: Path) -> TunnelConfig:
    (tmp_path / "psk").write_text("a long enough secret")
    (tmp_path / "psk").chmod(0o600)
    file = tmp_path / "ikevpn.toml"
    file.write_text(TUNNEL.format(name="paris", last=2))
    return load(file).tunnels["paris"]


def test_what_is_asked_reaches_the_engine_while_it_knows_the_tunnel(config: TunnelConfig) -> None:
    async def life() -> list[Effect]:
        done: list[Effect] = []
        plane: Any = None
        driver = Driver(Engine(EngineSettings(), os.urandom), plane)
        driver.perform = done.extend
        keying = IkeKeying(config, (7,), driver)
        keying.end(Reason.REQUESTED)
        keying.forget()
        assert done == []
        keying.know([PEER], None)
        await keying.prepare()
        keying.begin(
            PeerPath(Endpoint.of("192.0.2.1", 500), Endpoint.of("192.0.2.2", 500)), ("10.1.0.0/16-10.2.0.0/16",)
        )
        assert len(driver.engine.status(driver.now).ike_sas) + driver.engine.status(driver.now).half_open >= 1
        assert not keying.expired(Expire(5, Direction.OUT, 7, "paris", ExpireKind.SOFT))
        assert keying.children(driver.now) == ()
        keying.end(Reason.REQUESTED)
        keying.forget()
        keying.forget()
        await driver.close()
        return done

    assert any(isinstance(effect, Send) for effect in asyncio.run(life()))
