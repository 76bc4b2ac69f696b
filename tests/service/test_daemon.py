"""How a daemon ends: by a failure it leaves its blocks, by request where these are wanted, else nothing."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.config.keys.words import WhenStopped
from ikevpn.errors import ConfigError, HostError
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Event
from ikevpn.service import daemon
from ikevpn.service.daemon import Daemon, Options
from ikevpn.service.history.expiry import CertificateExpiry
from ikevpn.service.history.loaded_files import LoadedFiles
from ikevpn.service.signer import Signer
from ikevpn.service.tunnel.tunnels import Difference


class Parts:
    """One tunnel and a host, which write down how they are left."""

    def __init__(self) -> None:
        self.left: list[bool] = []
        self.order: list[str] = []
        self.tunnels = [SimpleNamespace(name="paris", down=self.down, binding=SimpleNamespace(absent=False))]
        self.host = SimpleNamespace(close=self.close, delete_devices=self.delete_devices)
        self.driver = SimpleNamespace(shielded=lambda command: None, engine=SimpleNamespace(shutdown=None))

    async def down(self, *, still_configured: bool = False) -> None:
        self.left.append(still_configured)
        self.order.append("tunnel")

    async def delete_devices(self) -> None:
        self.order.append("devices")

    async def close(self, *, undo: bool) -> None:
        self.left.append(not undo)


@pytest.mark.parametrize("failure", [None, HostError("netlink is gone"), ZeroDivisionError("a mistake")])
def test_blocks_outlive_a_daemon_that_fails(failure: Exception | None) -> None:
    async def following() -> None:
        if failure is not None:
            raise failure

    async def scenario() -> list[bool]:
        daemon: Any = Daemon(Options(Path("/etc/ikevpn")))
        daemon._parts = parts = Parts()
        task = asyncio.create_task(following())
        await asyncio.wait([task])
        daemon._followed(task)
        await daemon._take_down()
        await daemon._close_host()
        return parts.left

    assert asyncio.run(scenario()) == [failure is not None] * 2


@pytest.mark.parametrize(
    ("when_stopped", "until_idle", "stay"),
    [(WhenStopped.BLOCK, False, True), (WhenStopped.PASS, False, False), (WhenStopped.BLOCK, True, False)],
)
def test_blocks_stay_after_a_stop_where_the_user_wants_it_and_never_after_up(
    caplog: pytest.LogCaptureFixture, when_stopped: WhenStopped, until_idle: bool, stay: bool
) -> None:
    async def scenario() -> list[bool]:
        daemon: Any = Daemon(Options(Path("/etc/ikevpn"), until_idle=until_idle))
        daemon._parts, daemon._when_stopped = parts, when_stopped
        await daemon._take_down()
        await daemon._close_host()
        return parts.left

    parts = Parts()
    assert asyncio.run(scenario()) == [stay] * 2
    assert parts.order == (["tunnel", "devices"] if stay else ["devices", "tunnel"])
    said = "1 tunnel without a daemon: its traffic is blocked. `ikevpn unblock` ends that"
    assert (said in caplog.text) is stay


@pytest.mark.parametrize("error", [ValueError("5000 digits"), RecursionError("too deep"), OSError("gone")])
def test_a_reload_by_signal_that_fails_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def refuse(path: Path) -> None:
        raise error

    async def scenario() -> None:
        daemon: Any = Daemon(Options(Path("/etc/ikevpn")))
        daemon._parts = SimpleNamespace(report=lambda event: None, files=LoadedFiles(Path("/nowhere")))
        daemon._reload_on_signal()
        await daemon._tasks.settled()

    monkeypatch.setattr("ikevpn.service.daemon.load", refuse)
    asyncio.run(scenario())
    assert "not reloaded" in caplog.text and str(error) in caplog.text


def test_a_reload_of_a_broken_configuration_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise ConfigError("x.toml:3: wrong\nx.toml:4: wrong too")

    async def scenario() -> list[Event]:
        reported: list[Event] = []
        daemon: Any = Daemon(Options(Path("/etc/ikevpn")))
        daemon._parts = SimpleNamespace(report=reported.append, files=LoadedFiles(Path("/nowhere")))
        daemon._reload_on_signal()
        await daemon._tasks.settled()
        return reported

    monkeypatch.setattr("ikevpn.service.daemon.load", refuse)
    (event,) = asyncio.run(scenario())
    assert reasons.sentence(event) == "not reloaded: x.toml:3: wrong; x.toml:4: wrong too"


@pytest.mark.parametrize("until_idle", [True, False])
def test_a_daemon_that_was_started_for_one_command_ends_with_a_reload_that_leaves_it_without_work(
    monkeypatch: pytest.MonkeyPatch, until_idle: bool
) -> None:
    async def apply(configuration: object, *, start: bool) -> Difference:
        assert start is not until_idle
        return Difference((), (), ("paris",), ())

    async def scenario() -> bool:
        daemon: Any = Daemon(Options(Path("/etc/ikevpn"), until_idle=until_idle))
        settings = SimpleNamespace(log_level="info", when_stopped=WhenStopped.BLOCK)
        tunnels = SimpleNamespace(apply=apply, idle=True)
        daemon._parts = SimpleNamespace(
            signer=Signer(),
            tunnels=tunnels,
            settings=settings,
            report=lambda event: None,
            files=LoadedFiles(Path("/nowhere")),
            expiry=CertificateExpiry(lambda event: None),
        )
        monkeypatch.setattr(
            "ikevpn.service.daemon.load", lambda path: SimpleNamespace(warnings=(), daemon=settings, tunnels={})
        )
        await daemon.reload()
        return bool(daemon._stop.is_set())

    assert asyncio.run(scenario()) is until_idle


def test_what_is_there_after_the_start_is_no_work_for_the_collector_any_more() -> None:
    gc.unfreeze()
    try:
        daemon._settle_memory()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
