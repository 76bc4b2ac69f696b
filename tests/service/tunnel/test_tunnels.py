"""What a reload does with which tunnel, and what it leaves on the host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.load import load
from ikevpn.control.unknown import unknown_tunnel
from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import STATE_CHANGES, Effect, Report
from ikevpn.model.address import AddressRange
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.binding.binding import Bindings
from ikevpn.service.driver import Driver
from ikevpn.service.tunnel.sequences import Sequences
from ikevpn.service.tunnel.tunnel import World
from ikevpn.service.tunnel.tunnels import Difference, Tunnels, compare
from ikevpn.service.tunnel.wishes import Wanted
from tests.service.binding.test_binding import BLOCK, Host, Plane
from tests.service.virtual import run

TUNNEL = """
[tunnel.{name}]
remote = "192.0.2.{last}"
secret = {{ file = "psk" }}
local_networks = ["10.1.0.0/16"]
remote_networks = ["10.{last}.0.0/16"]
"""


class Daemon:
    """A configuration of one tunnel, with a real engine whose datagrams go nowhere."""

    def __init__(
        self,
        folder: Path,
        *,
        host: Host | None = None,
        gone: Callable[[str], None] = lambda name: None,
        **keys: str,
    ) -> None:
        self.folder = folder
        self.host, self.plane, self.reports = host or Host(), Plane(), list[Event]()
        self.driver = Driver(Engine(EngineSettings(), os.urandom), self.plane)  # type: ignore[arg-type]
        self.bindings = Bindings(self.host, self.plane, self.report)  # type: ignore[arg-type]
        ports: Any = SimpleNamespace(port=500, ensure=self.host.ensure)
        there: Any = self.host
        world = World(self.driver, there, ports, self.bindings, self.report, Sequences(folder))
        self.tunnels = Tunnels(world, gone=gone)
        self.driver.perform = self.perform
        self.write(**keys)

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Report):
                self.report(effect.event)
            elif isinstance(effect, STATE_CHANGES):
                self.tunnels.changed(effect)

    def report(self, event: Event) -> None:
        self.reports.append(event)

    def write(self, psk: str = "a long enough secret", **keys: str) -> None:
        (self.folder / "psk").write_text(psk)
        (self.folder / "psk").chmod(0o600)
        lines = [line for line in TUNNEL.format(name="paris", last=2).splitlines() if line.split(" ")[0] not in keys]
        lines += [f"{key} = {value}" for key, value in keys.items()]
        (self.folder / "ikevpn.toml").write_text("\n".join(lines))

    async def apply(self, *, start: bool = True) -> Difference:
        return await self.tunnels.apply(load(self.folder / "ikevpn.toml"), start=start)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "psk").write_text("a long enough secret")
    (tmp_path / "psk").chmod(0o600)
    return tmp_path


def tunnels(folder: Path, **last: int) -> dict[str, TunnelConfig]:
    file = folder / "ikevpn.toml"
    file.write_text("".join(TUNNEL.format(name=name, last=number) for name, number in last.items()))
    return dict(load(file).tunnels)


def test_every_tunnel_is_in_one_place(folder: Path) -> None:
    difference = compare(tunnels(folder, a=1, b=2, c=3), tunnels(folder, a=1, b=4, d=5))
    assert difference.unchanged == ("a",)
    assert difference.changed == ("b",)
    assert difference.removed == ("c",)
    assert difference.added == ("d",)


def test_moving_a_tunnel_within_the_file_changes_nothing(folder: Path) -> None:
    assert compare(tunnels(folder, a=1, b=2), tunnels(folder, b=2, a=1)).changed == ()


def test_another_secret_is_a_change(folder: Path) -> None:
    before = tunnels(folder, a=1)
    (folder / "psk").write_text("another long enough secret")
    assert compare(before, tunnels(folder, a=1)).changed == ("a",)


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    error = unknown_tunnel("pariss", ["paris", "rome"])
    assert error.reason == "tunnel-unknown" and 'Did you mean "paris"?' in str(error)
    assert "Known are: paris, rome." in str(unknown_tunnel("xyz", ["paris", "rome"]))
    assert "None is configured." in str(unknown_tunnel("xyz", []))


@pytest.mark.parametrize(("when_down", "routes"), [("block", [BLOCK]), ("pass", [])])
def test_a_stopped_tunnel_that_changes_stays_stopped_and_closed(
    folder: Path, when_down: str, routes: list[str]
) -> None:
    async def scenario() -> list[str]:
        daemon = Daemon(folder)
        await daemon.apply()
        await daemon.tunnels.get("paris").down(still_configured=True)
        daemon.write(esp_lifetime_s="600", when_down=f'"{when_down}"')
        assert (await daemon.apply()).changed == ("paris",)
        assert daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN
        assert not [owner for owner in daemon.host.plans if owner != "paris"]
        return daemon.host.routes

    assert run(scenario()) == routes


def test_a_tunnel_that_was_never_wanted_leaves_nothing_when_it_changes(folder: Path) -> None:
    async def scenario() -> list[str]:
        daemon = Daemon(folder)
        await daemon.apply(start=False)
        daemon.write(esp_lifetime_s="600")
        await daemon.apply(start=False)
        return daemon.host.routes

    assert run(scenario()) == []


def test_a_restarted_data_plane_is_nobodys_wish(folder: Path) -> None:
    async def scenario() -> list[Event]:
        daemon = Daemon(folder)
        await daemon.apply()
        await asyncio.sleep(0.1)  # the first attempt is under way
        daemon.tunnels.get("paris").lose_everything(Reason.DATA_PLANE_RESTARTED)
        await daemon.tunnels.get("paris").down()
        return daemon.reports

    ends = [event for event in run(scenario()) if event.code is Code.PHASE1_FAILED]
    assert [event.reason for event in ends][:1] == [Reason.DATA_PLANE_RESTARTED]


def test_a_network_that_changes_its_tunnel_is_closed_in_between(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> list[list[str]]:
        daemon, seen = Daemon(folder, start='"on-demand"'), []
        await daemon.apply()
        file = folder / "ikevpn.toml"
        file.write_text(file.read_text().replace("[tunnel.paris]", "[tunnel.rome]"))
        add = daemon.tunnels._add

        def watched(config: TunnelConfig) -> object:
            seen.append(daemon.host.routes)
            return add(config)

        monkeypatch.setattr(daemon.tunnels, "_add", watched)
        difference = await daemon.apply()
        assert (difference.added, difference.removed) == (("rome",), ("paris",))
        assert list(daemon.host.plans) == ["rome"]
        return seen

    assert run(scenario()) == [[BLOCK]]


def test_a_daemon_that_was_started_for_one_command_keeps_its_wish_over_a_reload(folder: Path) -> None:
    async def scenario() -> None:
        daemon = Daemon(folder)
        await daemon.apply(start=False)
        await daemon.tunnels.get("paris").want(Wanted.UP)
        daemon.write(esp_lifetime_s="600")
        assert (await daemon.apply(start=False)).changed == ("paris",)
        assert daemon.tunnels.get("paris").keeper.wanted is Wanted.UP
        await daemon.tunnels.get("paris").down()

    run(scenario())


@pytest.mark.parametrize("step", ["_begin", "_add", "_remove"])
def test_a_mistake_in_the_middle_of_a_change_is_made_good_by_the_next_reload(
    folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> list[str]:
        daemon = Daemon(folder, start='"on-demand"')
        await daemon.apply()
        daemon.write(start='"on-demand"', metric="77")
        with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
            broken.setattr(daemon.tunnels, step, lambda *arguments: 1 // 0)
            await daemon.apply()
        assert BLOCK in daemon.host.routes
        difference = await daemon.apply()
        assert difference.unchanged == ()
        assert daemon.tunnels.get("paris").keeper.wanted is Wanted.ON_DEMAND
        assert list(daemon.host.plans) == ["paris"]
        assert (await daemon.apply()).unchanged == ("paris",)
        return daemon.host.routes

    assert run(scenario()) == [BLOCK, "10.2.0.0/16 dev ikevpn0 metric 77 table 5050"]


@pytest.mark.parametrize(("remote", "owner"), [('"192.0.2.2"', "paris"), ('"any"', None)])
def test_networks_of_a_named_peer_are_its_own_while_it_is_down(folder: Path, remote: str, owner: str | None) -> None:
    async def story() -> None:
        daemon = Daemon(folder, remote=remote, start='"listen"')
        await daemon.apply(start=False)
        core = daemon.driver.engine._core
        claim = core.claims.on(AddressRange.of("10.2.7.0/24"))
        assert "paris" not in core.tunnels and (claim[0] if claim else None) == owner

    run(story())
