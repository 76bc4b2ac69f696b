"""A tunnel whose keys stay while addresses change: nobody but us would notice that they lead nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path as FilePath

import pytest

from ikevpn.errors import HostError
from ikevpn.ike.state.effects import AddSa, DeleteSa, Effect
from ikevpn.model.address import Address
from ikevpn.model.events.event import Code, Reason
from ikevpn.net.plan.local import Path
from ikevpn.net.plan.steps import Plan
from ikevpn.service.tunnel import tunnel
from ikevpn.service.tunnel.tunnel import NAMES_AGAIN_S
from ikevpn.service.tunnel.wishes import Wanted
from tests.service.binding.test_binding import ROUTE, Host
from tests.service.tunnel.test_tunnels import Daemon
from tests.service.virtual import run

TUNNEL = """
[tunnel.paris]
remote = "{remote}"
local_networks = ["10.1.0.0/16"]
remote_networks = ["10.2.0.0/16"]
replay_window = 0
[tunnel.paris.manual]
local_spi = "3020"
remote_spi = "3030"
proposal = "esp-aes128-sha"
encryption_key = {{ text = "000102030405060708090a0b0c0d0e0f" }}
integrity_key = {{ text = "000102030405060708090a0b0c0d0e0f10111213" }}
keep_sequence = false
"""
PAIR = "192.0.2.1 192.0.2.2"


class Moving(Host):
    """A host that may come to another address, or to none, and takes a moment for every plan."""

    here = "192.0.2.1"

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__()
        self._told = told

    async def apply(self, owner: str, plan: Plan) -> None:
        await asyncio.sleep(0.1)
        await super().apply(owner, plan)
        self._told("open" if ROUTE in self.routes else "closed")

    async def path_to(self, remote: Address, source: Address | None = None) -> Path:
        if not self.here:
            raise HostError("there is no route", reason="no-route")
        return Path(ip_address(self.here), "eth0", None, 1500)


class Manual(Daemon):
    """Writes down between which addresses there are SAs, and in which order SAs and routes come."""

    host: Moving

    def __init__(self, folder: FilePath, *, remote: str = "192.0.2.2") -> None:
        self.pairs: list[str] = []
        self.story: list[str] = []
        super().__init__(folder, host=Moving(self.tell))
        file = folder / "ikevpn.toml"
        file.chmod(0o600)
        file.write_text(TUNNEL.format(remote=remote))

    def perform(self, effects: Iterable[Effect]) -> None:
        effects = list(effects)
        for effect in effects:
            if isinstance(effect, AddSa):
                self.tell("installed")
                self.bindings.adding(effect.sa)
                self.pairs.append(f"{effect.sa.local.address} {effect.sa.remote.address}")
            elif isinstance(effect, DeleteSa):
                self.bindings.deleted(effect)
                self.pairs.pop()
        super().perform(effects)

    def tell(self, word: str) -> None:
        if self.story[-1:] != [word]:
            self.story.append(word)

    async def begin(self) -> None:
        await self.apply()
        await asyncio.sleep(1)
        assert self.pairs == [PAIR] * 2

    async def look_again(self) -> list[str]:
        await self.tunnels.get("paris").look_again()
        await asyncio.sleep(1)
        return self.pairs

    def ends(self) -> list[Reason]:
        return [event.reason for event in self.reports if event.code is Code.MANUAL_DOWN]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says where the peer's name leads; nowhere at first."""
    known: list[str] = []

    async def resolve(name: str) -> tuple[Address, ...]:
        if not known:
            raise HostError(f"{name} has no address", reason="dns")
        return tuple(map(ip_address, known[-1].split()))

    monkeypatch.setattr(tunnel, "resolve", resolve)
    return known.append


def test_it_begins_anew_from_our_new_address(tmp_path: FilePath) -> None:
    async def scenario() -> Manual:
        daemon = Manual(tmp_path)
        await daemon.begin()
        daemon.host.here = "192.0.2.77"
        assert await daemon.look_again() == ["192.0.2.77 192.0.2.2"] * 2
        return daemon

    daemon = run(scenario())
    assert daemon.ends() == [Reason.PATH_CHANGED]


def test_routes_are_there_before_the_sas_also_after_the_data_plane_was_lost(tmp_path: FilePath) -> None:
    async def scenario() -> list[str]:
        daemon = Manual(tmp_path)
        await daemon.begin()
        daemon.tunnels.get("paris").lose_everything(Reason.DATA_PLANE_RESTARTED)
        await asyncio.sleep(30)
        assert daemon.pairs == [PAIR] * 2
        return daemon.story

    story = run(scenario())
    assert [before for before, word in pairwise(story) if word == "installed"] == ["open", "open"]
    assert "closed" not in story[-story[::-1].index("installed") :]


def test_where_nothing_is_installed_after_all_it_closes(tmp_path: FilePath) -> None:
    async def scenario() -> list[bool]:
        daemon, found = Manual(tmp_path), []
        await daemon.apply(start=False)
        binding = daemon.tunnels.get("paris").binding
        await binding.stand(always_open=False)
        for wait_s in (0, 9, 9, 2):
            await asyncio.sleep(wait_s)
            found.append(ROUTE in daemon.host.routes)
            if len(found) < 3:
                await binding.open()
        return found

    assert run(scenario()) == [False, True, True, False]


def test_what_could_not_be_opened_is_not_tried_open_again(tmp_path: FilePath) -> None:
    async def scenario() -> list[str]:
        daemon = Manual(tmp_path)
        await daemon.apply(start=False)
        binding = daemon.tunnels.get("paris").binding
        await binding.stand(always_open=False)
        daemon.host.refusal = HostError("no more routes")
        with pytest.raises(HostError, match="no more routes"):
            await binding.open()
        daemon.host.refusal = None
        binding.refresh()
        await binding.settled()
        return daemon.story

    assert run(scenario()) == ["closed"]


def test_it_stays_where_the_way_is_the_same_and_where_there_is_none(tmp_path: FilePath) -> None:
    async def scenario() -> list[Reason]:
        daemon = Manual(tmp_path)
        await daemon.begin()
        for here in ("192.0.2.1", "", "192.0.2.1"):
            daemon.host.here = here
            assert await daemon.look_again() == [PAIR] * 2
        return daemon.ends()

    assert run(scenario()) == []


def test_one_that_is_down_stays_down(tmp_path: FilePath) -> None:
    async def scenario() -> list[str]:
        daemon = Manual(tmp_path)
        await daemon.begin()
        await daemon.tunnels.get("paris").down(still_configured=True)
        daemon.host.here = "192.0.2.77"
        assert daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN
        return await daemon.look_again()

    assert run(scenario()) == []


def test_it_follows_the_name_of_the_peer(tmp_path: FilePath, dns: Callable[[str], None]) -> None:
    async def scenario() -> list[list[str]]:
        daemon, found = Manual(tmp_path, remote="gw.example.net"), []
        dns("192.0.2.2")
        await daemon.begin()
        for answer in ("192.0.2.9 192.0.2.2", "192.0.2.9"):
            dns(answer)
            await asyncio.sleep(NAMES_AGAIN_S)
            found.append(daemon.pairs[:])
        await daemon.tunnels.get("paris").down()
        return found

    assert run(scenario()) == [[PAIR] * 2, ["192.0.2.1 192.0.2.9"] * 2]


def test_its_name_is_looked_up_as_soon_as_somebody_asks(tmp_path: FilePath, dns: Callable[[str], None]) -> None:
    async def scenario() -> list[str]:
        daemon = Manual(tmp_path, remote="gw.example.net")
        dns("192.0.2.2")
        await daemon.begin()
        await asyncio.sleep(1)
        dns("192.0.2.9")
        daemon.tunnels.look_up()
        daemon.tunnels.look_up()
        await asyncio.sleep(1)
        pairs = daemon.pairs[:]
        await daemon.tunnels.get("paris").down()
        daemon.tunnels.look_up()
        return pairs

    assert run(scenario()) == ["192.0.2.1 192.0.2.9"] * 2
