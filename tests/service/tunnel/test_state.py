"""Keeper, engine and data plane in one answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.load import load
from ikevpn.ike.state.effects import AttemptFailed, ChildUp
from ikevpn.ike.status import ChildStatus, EngineStatus, IkeStatus
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.sa import Direction, SaUse
from ikevpn.net.follow.rivals import Rival
from ikevpn.service.tunnel.keeper import Keeper
from ikevpn.service.tunnel.state import index, tunnel_state
from ikevpn.service.tunnel.wishes import Wanted
from tests.service.virtual import run

CONFIGURATION = """
[tunnel.paris]
remote = "203.0.113.2"
secret = { file = "psk" }
local_networks = ["10.1.0.0/16"]
remote_networks = ["10.2.0.0/16", "10.3.0.0/16"]
"""
IKE: dict[str, Any] = {
    "tunnel": "paris",
    "state": "established",
    "role": "initiator",
    "cky_i": "00",
    "cky_r": "01",
    "local": "192.0.2.1:4500",
    "remote": "203.0.113.2:4500",
    "local_id": "192.0.2.1",
    "peer_id": "203.0.113.2",
    "proposal": "pre-g14-aes256-sha256",
    "natt": "rfc3947",
    "behind_nat": ("we",),
    "peer_products": (),
    "age_s": 10.0,
    "heard_s": 1.0,
    "remaining_s": 20.0,
    "superseded": False,
}
CHILD: dict[str, Any] = {
    "tunnel": "paris",
    "child": "10.1.0.0/16-10.2.0.0/16",
    "reqid": 1,
    "selector": "10.1.0.0/16 === 10.2.0.0/16",
    "local": IKE["local"],
    "remote": IKE["remote"],
    "peer_id": "203.0.113.2",
    "proposal": "g14-esp-aes128gcm16",
    "encapsulation": "udp",
    "spi_in": 0x0A,
    "spi_out": 0x0B,
    "role": "initiator",
    "age_s": 9.0,
    "remaining_s": 100.0,
    "superseded": False,
    "outbound": True,
}


@dataclass
class Tunnel:
    """As much of a tunnel as its state is made from."""

    config: TunnelConfig
    keeper: Keeper = field(init=False)
    name: str = "paris"

    @dataclass
    class _Binding:
        device: str = "ikevpn0"
        rivals: tuple[Rival, ...] = ()

    binding: _Binding = field(default_factory=_Binding)
    keying: Any = field(default_factory=lambda: SimpleNamespace(children=lambda now: ()))

    def __post_init__(self) -> None:
        children = {child.name: number for number, child in enumerate(self.config.template.children)}
        self.keeper = Keeper("paris", children, self)  # type: ignore[arg-type]


@pytest.fixture
def config(tmp_path: FilePath) -> TunnelConfig:
    (tmp_path / "psk").write_text("a secret that is long enough")
    (tmp_path / "psk").chmod(0o600)
    (tmp_path / "x.toml").write_text(CONFIGURATION)
    return load(tmp_path / "x.toml").tunnels["paris"]


def state(config: TunnelConfig, engine: EngineStatus, *uses: SaUse, prepare: Any = lambda keeper: None) -> Any:
    async def scenario() -> Any:
        tunnel = Tunnel(config)
        tunnel.keeper.want(Wanted.LISTEN)
        prepare(tunnel.keeper)
        return tunnel_state(tunnel, engine, index(uses), 100.0)  # type: ignore[arg-type]

    return run(scenario())


def first_is_up(keeper: Keeper) -> None:
    keeper.changed(ChildUp("paris", str(CHILD["child"]), 0))


def test_nothing_is_up(config: TunnelConfig) -> None:
    found = state(config, EngineStatus((), (), 0, 0))
    assert (found.state, found.remote, found.device) == ("listening", "203.0.113.2", "ikevpn0")
    assert [child.state for child in found.children] == ["down", "down"]


def test_one_pair_of_two_is_up_and_its_newest_sa_counts(config: TunnelConfig) -> None:
    old = ChildStatus(**{**CHILD, "spi_in": 1, "superseded": True})
    begun = ChildStatus(**{**CHILD, "spi_in": 2, "outbound": False})
    engine = EngineStatus((IkeStatus(**IKE),), (old, ChildStatus(**CHILD), begun), 0, 0)
    uses = (
        SaUse(0x0A, Direction.IN, bytes=100, packets=2, idle_s=0.5, drops=(("replayed", 3),), reqid=1),
        SaUse(0x0B, Direction.OUT, bytes=50, packets=1, reqid=1, path_mtu=1300),
        SaUse(0x0B, Direction.OUT, bytes=9_999, packets=9, reqid=5),
        SaUse(0x0A, Direction.OUT, bytes=7_777, reqid=1),
    )
    found = state(config, engine, *uses, prepare=first_is_up)
    assert (found.state, found.nat, found.peer_id, found.up_s) == ("partly up", True, "203.0.113.2", 9.0)
    up, down = found.children
    assert (up.spi_in, up.spi_out, up.bytes_in, up.bytes_out, up.packets_out) == ("0000000a", "0000000b", 100, 50, 1)
    assert up.path_mtu == 1300
    assert up.drops == {"replayed": 3} and up.idle_in_s == 0.5
    assert (down.state, down.selector) == ("down", "10.1.0.0/16 === 10.3.0.0/16")


def test_the_keeper_alone_says_what_is_up(config: TunnelConfig) -> None:
    found = state(config, EngineStatus((IkeStatus(**IKE),), (ChildStatus(**CHILD),), 0, 0))
    assert (found.state, [child.state for child in found.children]) == ("listening", ["down", "down"])


def test_a_bundle_shows_both_protocols_and_what_either_dropped(config: TunnelConfig) -> None:
    child = ChildStatus(**{**CHILD, "ah_spi_in": 0x1A, "ah_spi_out": 0x1B})
    uses = (
        SaUse(0x0A, Direction.IN, bytes=100, packets=2, drops=(("selector", 1), ("length", 1)), reqid=1),
        SaUse(0x1A, Direction.IN, bytes=300, packets=3, drops=(("bad-icv", 4), ("length", 2)), reqid=1),
    )
    up = state(config, EngineStatus((IkeStatus(**IKE),), (child,), 0, 0), *uses, prepare=first_is_up).children[0]
    assert (up.spi_in, up.ah_spi_in, up.ah_spi_out, up.packets_in) == ("0000000a", "0000001a", "0000001b", 2)
    assert up.drops == {"selector": 1, "length": 3, "bad-icv": 4}


def test_manual_keys_are_up_without_the_engine(config: TunnelConfig) -> None:
    pair = [ChildStatus(**{**CHILD, "child": child.name, "local": "192.0.2.1"}) for child in config.template.children]
    keys: Any = object()

    async def scenario() -> Any:
        tunnel = Tunnel(replace(config, manual=keys), keying=SimpleNamespace(children=lambda now: tuple(pair)))
        for child in pair:
            tunnel.keeper.changed(ChildUp("paris", child.child, 0))
        return tunnel_state(tunnel, EngineStatus((), (), 0, 0), {}, 100.0)  # type: ignore[arg-type]

    found = run(scenario())
    assert (found.manual, found.local, found.remote) == (True, "192.0.2.1", "203.0.113.2")
    assert [child.state for child in found.children] == ["up", "up"]


def test_the_last_failure_is_told_in_words(config: TunnelConfig) -> None:
    failure = Event(Code.PHASE1_FAILED, "paris", Reason.NO_ANSWER, {"remote": "203.0.113.2:500", "role": "initiator"})
    found = state(
        config, EngineStatus((), (), 0, 0), prepare=lambda keeper: keeper.changed(AttemptFailed("paris", "", failure))
    )
    assert found.last_reason == "no-answer" and found.last_error.startswith(
        "phase 1 with 203.0.113.2:500 failed: no answer"
    )


def test_the_ike_sa_in_use_is_shown_not_the_one_that_retires(config: TunnelConfig) -> None:
    retiring = IkeStatus(**{**IKE, "superseded": True, "age_s": 5.0, "local": "x"})
    half_open = IkeStatus(**{**IKE, "state": "negotiating", "age_s": 0.0, "local": "y"})
    found = state(config, EngineStatus((retiring, IkeStatus(**IKE), half_open), (), 0, 0))
    assert found.local == "192.0.2.1:4500"
