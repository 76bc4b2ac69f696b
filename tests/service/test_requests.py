"""What the verbs leave on the host, also where their client goes away in the middle.

The host and the data plane are those of `test_binding`, the engine is a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.control import api
from ikevpn.errors import UsageError
from ikevpn.model.address import Address
from ikevpn.net.plan.steps import Plan
from ikevpn.service.history.events import History
from ikevpn.service.history.expiry import CertificateExpiry
from ikevpn.service.history.loaded_files import LoadedFiles
from ikevpn.service.requests import Requests, child_of
from ikevpn.service.tasks import Tasks
from ikevpn.service.tunnel.wishes import Wanted
from tests.service.binding.test_binding import BLOCK, Host
from tests.service.tunnel.test_tunnels import Daemon
from tests.service.virtual import run


class SlowHost(Host):
    """Takes a second for everything, like a busy kernel."""

    async def apply(self, owner: str, plan: Plan) -> None:
        await asyncio.sleep(1)
        await super().apply(owner, plan)

    async def undo(self, owner: str) -> None:
        await asyncio.sleep(1)
        await super().undo(owner)


class Captures:
    """Those that run, with what they record."""

    def __init__(self) -> None:
        self.running: dict[str, Callable[[Address], bool]] = {}

    def start(self, tunnel: str, file: Path, concerns: Callable[[Address], bool]) -> None:
        if tunnel in self.running:
            raise UsageError(f"{tunnel} is being recorded already")
        self.running[tunnel] = concerns

    def stop(self, tunnel: str) -> None:
        self.running.pop(tunnel, None)


class Service:
    """Requests to a daemon of one tunnel."""

    def __init__(self, folder: Path, host: Host | None = None, **keys: str) -> None:
        self.captures = Captures()
        self.daemon = Daemon(folder, host=host, gone=self.captures.stop, **keys)
        parts: Any = SimpleNamespace(
            tunnels=self.daemon.tunnels,
            history=History(),
            driver=self.daemon.driver,
            plane=self.daemon.plane,
            captures=self.captures,
            config_path=folder / "ikevpn.toml",
            files=LoadedFiles(folder / "nowhere"),
            expiry=CertificateExpiry(lambda event: None),
        )
        self.parts = parts
        self.tasks = Tasks()
        self.settled = 0
        self.requests = Requests(parts, self.tasks, self.daemon.apply, settled=self.settle)

    def settle(self) -> None:
        self.settled += 1

    async def say(self, request: api.AnyRequest) -> api.Reply:
        """The last reply to a request."""
        return [reply async for reply in self.requests.handle(request)][-1]

    async def say_and_leave(self, request: api.AnyRequest, after_s: float) -> None:
        """A client that goes away before it has an answer; returns when everything is done that is to be done."""
        client = asyncio.create_task(self.say(request))
        await asyncio.sleep(after_s)
        client.cancel()
        await asyncio.wait([client])
        await self.tasks.settled()
        await self.daemon.tunnels.get("paris").binding.settled()


@pytest.mark.parametrize("down_before", [False, True])
def test_an_up_that_fails_leaves_the_host_as_it_was(tmp_path: Path, down_before: bool) -> None:
    async def scenario() -> list[str]:
        service = Service(tmp_path)
        await service.daemon.apply(start=down_before)
        if down_before:
            assert isinstance(await service.say(api.Down(tunnel="paris")), api.DownAnswer)
            assert service.daemon.host.routes == [BLOCK]
        assert isinstance(await service.say(api.Up(tunnel="paris", timeout_s=5)), api.Error)
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN
        return service.daemon.host.routes

    assert run(scenario()) == ([BLOCK] if down_before else [])


@pytest.mark.parametrize("after_s", [0.5, 1.5, 2.5, 3.5, 4.5])
def test_a_reload_comes_to_its_end_without_its_client(tmp_path: Path, after_s: float) -> None:
    async def scenario() -> dict[str, Plan]:
        service = Service(tmp_path, SlowHost(), start='"on-demand"')
        await service.daemon.apply()
        service.daemon.write(start='"on-demand"', metric="77")
        await service.say_and_leave(api.Reload(), after_s)
        assert (await service.daemon.apply()).unchanged == ("paris",)
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.ON_DEMAND
        assert service.daemon.host.routes == [BLOCK, "10.2.0.0/16 dev ikevpn0 metric 77 table 5050"]
        return service.daemon.host.plans

    assert list(run(scenario())) == ["paris"]


@pytest.mark.parametrize("start", ['"on-demand"', '"listen"'])
def test_an_up_that_fails_calls_nobody_any_more(tmp_path: Path, start: str) -> None:
    async def scenario() -> None:
        service = Service(tmp_path, start=start)
        await service.daemon.apply()
        assert isinstance(await service.say(api.Up(tunnel="paris", timeout_s=5)), api.Error)
        engine = service.daemon.driver.engine
        assert not engine.status(service.daemon.driver.now).ike_sas and engine.next_timer() is None
        assert service.daemon.tunnels.get("paris").keeper.wanted is not Wanted.UP

    run(scenario())


def test_a_tunnel_that_listens_does_so_again_after_a_down_and_an_up_that_nobody_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = Service(tmp_path, start='"listen"')
        await service.daemon.apply()
        keeper = service.daemon.tunnels.get("paris").keeper
        assert isinstance(await service.say(api.Down(tunnel="paris")), api.DownAnswer)
        assert isinstance(await service.say(api.Up(tunnel="paris", timeout_s=5)), api.Error)
        assert keeper.wanted is Wanted.LISTEN
        assert isinstance(await service.say(api.Down(tunnel="paris")), api.DownAnswer)
        answer = await service.say(api.Restart(tunnel="paris"))
        assert isinstance(answer, api.UpAnswer) and answer.tunnel.state == "listening"

    run(scenario())


def test_a_failed_up_a_corrected_file_and_a_reload(tmp_path: Path) -> None:
    """The user's last word was `up`: the tunnel that the reload changes starts as its configuration says."""

    async def scenario() -> None:
        service = Service(tmp_path)
        await service.daemon.apply()
        assert isinstance(await service.say(api.Down(tunnel="paris")), api.DownAnswer)
        service.daemon.write(metric="77")
        await service.say(api.Reload())
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN, "the last word was `down`"
        assert isinstance(await service.say(api.Up(tunnel="paris", timeout_s=5)), api.Error)
        service.daemon.write(metric="78")
        await service.say(api.Reload())
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.UP
        assert isinstance(await service.say(api.Down(tunnel="paris")), api.DownAnswer)

    run(scenario())


def test_a_restart_that_fails_goes_on_trying(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = Service(tmp_path)
        await service.daemon.apply()
        assert isinstance(await service.say(api.Restart(tunnel="paris", timeout_s=5)), api.Error)
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.UP
        assert isinstance(await service.say(api.Down(tunnel="paris")), api.DownAnswer)

    run(scenario())


def test_another_configuration_and_files_that_changed_are_said(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        service = Service(tmp_path, start='"on-demand"')
        await service.daemon.apply()
        service.parts.files = LoadedFiles(tmp_path / "ikevpn.toml")
        service.parts.files.remember(service.parts.files.stamps(), ())
        service.daemon.write(start='"listen"', metric="7")
        other, same = str(tmp_path / "other.toml"), str(tmp_path / "." / "ikevpn.toml")
        requests = (
            api.Up(tunnel="paris", timeout_s=1, configuration=same),
            api.Version(configuration=same),
            api.Down(tunnel="paris", configuration=other),
        )
        said = []
        for request in requests:
            said += [each.sentence async for each in service.requests.handle(request) if isinstance(each, api.Remark)]
        return said

    file = tmp_path / "ikevpn.toml"
    assert run(scenario()) == [
        f"{file} changed since the daemon read its configuration; `ikevpn reload` applies what is there now",
        f"the daemon runs with {file}, and not with {tmp_path / 'other.toml'}",
    ]


@pytest.mark.parametrize(
    ("meant", "known"),
    [
        ("10.1.0.0/16 === 10.2.0.0/16", True),
        ("10.1.0.0/16===10.2.0.0/16", True),
        ("10.1.0.0/16-10.2.0.0/16", True),
        ("10.2.0.0", True),
        ("172.16.0.0", False),
    ],
)
def test_a_child_is_known_by_what_status_shows(tmp_path: Path, meant: str, known: bool) -> None:
    async def scenario() -> str:
        service = Service(tmp_path, start='"on-demand"')
        await service.daemon.apply()
        return child_of(service.daemon.tunnels.get("paris"), meant)

    if known:
        assert run(scenario()) == "10.1.0.0/16-10.2.0.0/16"
    else:
        with pytest.raises(UsageError, match=r'has no child "172.16.0.0"; it has 10.1'):
            run(scenario())


@pytest.mark.parametrize("after_s", [0.5, 1.5])
def test_a_down_comes_to_its_end_without_its_client(tmp_path: Path, after_s: float) -> None:
    async def scenario() -> list[str]:
        service = Service(tmp_path, SlowHost(), start='"on-demand"', when_down='"pass"')
        await service.daemon.apply()
        await service.say_and_leave(api.Down(tunnel="paris"), after_s)
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN
        return service.daemon.host.routes

    assert run(scenario()) == []


def test_a_down_that_takes_longer_than_its_client_waits_comes_to_its_end(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        service = Service(tmp_path, SlowHost(), start='"on-demand"', when_down='"pass"')
        await service.daemon.apply()
        answer = await service.say(api.Down(tunnel="paris", timeout_s=0.5))
        assert isinstance(answer, api.Error) and answer.reason == "timeout"
        await service.tasks.settled()
        return service.daemon.host.routes

    assert run(scenario()) == []


@pytest.mark.parametrize("after_s", [0.5, 1.5, 2.5])
def test_an_up_whose_client_leaves_is_taken_back_whole(tmp_path: Path, after_s: float) -> None:
    async def scenario() -> dict[str, Plan]:
        service = Service(tmp_path, SlowHost())
        await service.daemon.apply(start=False)
        await service.say_and_leave(api.Up(tunnel="paris"), after_s)
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN
        assert service.daemon.plane.devices == [] and service.daemon.plane.policies == []
        return service.daemon.host.plans

    assert run(scenario()) == {}


def test_an_up_that_a_reload_overtakes_leaves_the_new_tunnel_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = Service(tmp_path, start='"listen"')
        await service.daemon.apply()
        calling = asyncio.create_task(service.say(api.Up(tunnel="paris")))
        await asyncio.sleep(1)
        service.daemon.write(start='"on-demand"')
        await service.daemon.apply()
        assert isinstance(await calling, api.Error)
        assert service.daemon.tunnels.get("paris").keeper.wanted is Wanted.ON_DEMAND
        assert service.daemon.plane.devices == ["ikevpn0"] and service.settled

    run(scenario())


@pytest.mark.parametrize("start", ["listen", "on-demand", "up"])
def test_a_capture_ends_with_an_up_that_fails(tmp_path: Path, start: str) -> None:
    async def scenario() -> None:
        service = Service(tmp_path, start=f'"{start}"')
        await service.daemon.apply()
        for _ in range(2):
            answer = await service.say(api.Up(tunnel="paris", timeout_s=3, capture="x.pcapng"))
            assert isinstance(answer, api.Error) and "recorded" not in answer.sentence
            assert not service.captures.running

    run(scenario())


@pytest.mark.parametrize("remote", ['"192.0.2.2"', '"192.0.2.0/24"'])
def test_a_daemon_that_was_started_for_a_command_ends_where_its_capture_is_refused(tmp_path: Path, remote: str) -> None:
    async def scenario() -> int:
        service = Service(tmp_path, remote=remote)
        await service.daemon.apply(start=False)
        service.captures.start("paris", tmp_path, lambda address: True)
        with pytest.raises(UsageError, match="recorded already"):
            await service.say(api.Up(tunnel="paris", capture="x.pcapng"))
        assert service.daemon.tunnels.idle
        return service.settled

    assert run(scenario()) == 1


def test_a_capture_that_ran_before_goes_on_where_another_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = Service(tmp_path, start='"listen"')
        await service.daemon.apply()
        service.captures.start("paris", tmp_path, lambda address: True)
        with pytest.raises(UsageError, match="recorded already"):
            await service.say(api.Up(tunnel="paris", capture="x.pcapng"))
        assert list(service.captures.running) == ["paris"]

    run(scenario())


def test_a_tunnel_that_only_listens_is_recorded_until_it_is_removed(tmp_path: Path) -> None:
    async def scenario() -> None:
        aggressive = {"mode": '"aggressive"', "answer_aggressive": "true"}
        service = Service(tmp_path, remote='"any"', remote_id='"a@b.c"', **aggressive)
        await service.daemon.apply()
        answer = await service.say(api.Up(tunnel="paris", capture="x.pcapng"))
        assert isinstance(answer, api.UpAnswer) and list(service.captures.running) == ["paris"]
        (service.daemon.folder / "ikevpn.toml").write_text("")
        await service.daemon.apply()
        assert not service.captures.running

    run(scenario())


def test_a_capture_follows_the_tunnel_over_a_reload(tmp_path: Path) -> None:
    async def scenario() -> list[bool]:
        service = Service(tmp_path, start='"on-demand"')
        await service.daemon.apply()
        calling = asyncio.create_task(service.say(api.Up(tunnel="paris", capture="x.pcapng")))
        await asyncio.sleep(1)
        concerns = service.captures.running["paris"]
        service.daemon.write(start='"on-demand"', remote='"192.0.2.99"')
        await service.daemon.apply()
        await calling
        return [concerns(ip_address(text)) for text in ("192.0.2.2", "192.0.2.99")]

    assert run(scenario()) == [False, True]


def test_down_says_what_stays_blocked_and_asks_before_it_cuts_off_its_caller(tmp_path: Path) -> None:
    async def scenario() -> None:
        service = Service(tmp_path, start='"on-demand"', remote_networks='["0.0.0.0/0"]')
        await service.daemon.apply()
        refused = await service.say(api.Down(tunnel="paris", caller="198.51.100.7"))
        assert isinstance(refused, api.Error) and refused.reason == "cuts-off"
        assert refused.sentence == (
            "your SSH session comes from 198.51.100.7, and 0.0.0.0/0 stays blocked while paris is down: "
            "it would be cut off"
        )
        assert service.daemon.tunnels.get("paris").keeper.wanted is not Wanted.DOWN
        for caller in ("2001:db8::7", "10.1.0.9", "no address"):  # another family; our own network
            answer = await service.say(api.Down(tunnel="paris", caller=caller))
            assert answer == api.DownAnswer(blocked=("0.0.0.0/0",)), caller
        yes = await service.say(api.Down(tunnel="paris", caller="198.51.100.7", yes=True))
        assert yes == api.DownAnswer(blocked=("0.0.0.0/0",))

    run(scenario())


def test_the_state_of_one_tunnel_asks_for_its_sas_alone(tmp_path: Path) -> None:
    async def scenario() -> list[tuple[int | str, ...]]:
        service = Service(tmp_path)
        await service.daemon.apply(start=False)
        await service.requests._state(service.daemon.tunnels.get("paris"))
        return service.daemon.plane.asked

    assert run(scenario()) == [("paris",)]
