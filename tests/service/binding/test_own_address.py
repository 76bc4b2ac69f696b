"""A tunnel that goes by an interface: its address of the moment is ours, and a new one is followed at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path as FilePath

from ikevpn.errors import HostError
from ikevpn.ike.state.callers import Callers
from ikevpn.ike.state.effects import Effect, Send
from ikevpn.model.address import Address, Endpoint
from ikevpn.net.plan.local import Path
from ikevpn.service.tunnel.wishes import Wanted
from tests.service.binding.test_binding import Host
from tests.service.tunnel.test_tunnels import Daemon
from tests.service.virtual import run

PEER = Endpoint.of("192.0.2.2", 500)


class Moving(Host):
    """ppp0 has the addresses of `here`."""

    here = "198.51.100.7"

    async def address_on(self, device: str, version: int) -> Address:
        assert device == "ppp0"
        found = [each for each in map(ip_address, self.here.split()) if each.version == version]
        if not found:
            raise HostError(f"{device} has no address", reason="no-such-address")
        return found[0]

    async def path_to(self, remote: Address, source: Address | None = None) -> Path:
        return Path(source or ip_address("192.0.2.1"), "eth0", None, 1500)


class Watched(Daemon):
    host: Moving

    def __init__(self, folder: FilePath, **keys: str) -> None:
        self.sent: list[str] = []
        super().__init__(folder, host=Moving(), interface='"ppp0"', **keys)

    def perform(self, effects: Iterable[Effect]) -> None:
        effects = list(effects)
        self.sent += [str(each.local.address) for each in effects if isinstance(each, Send)]
        super().perform(effects)

    async def look_again(self, here: str) -> list[str]:
        """What is sent from which addresses after the host has changed."""
        self.host.here = here
        self.sent.clear()
        await self.tunnels.get("paris").look_again()
        await asyncio.sleep(1)
        return sorted(set(self.sent))

    def answers_at(self, local: str) -> bool:
        """Whether a peer that calls there finds a tunnel."""
        return Callers(self.driver.engine._core.tunnels, ip_address(local), PEER.address).first() is not None


def test_it_calls_from_the_address_of_the_interface_and_from_the_next_one(tmp_path: FilePath) -> None:
    async def scenario() -> list[list[str]]:
        daemon = Watched(tmp_path, start='"up"')
        await daemon.apply()
        await asyncio.sleep(1)
        found = [sorted(set(daemon.sent))]
        found.append(await daemon.look_again("203.0.113.9"))
        found.append(await daemon.look_again("203.0.113.9"))
        await daemon.tunnels.get("paris").down()
        return found

    first, second, third = run(scenario())
    assert first == ["198.51.100.7"]
    assert second == ["203.0.113.9"]
    assert third in ([], ["203.0.113.9"])  # a repetition at most


def test_peers_reach_it_there_and_nowhere_else(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        daemon = Watched(tmp_path, start='"listen"')
        await daemon.apply()
        assert daemon.answers_at("198.51.100.7") and not daemon.answers_at("192.0.2.1")
        await daemon.look_again("203.0.113.9")
        assert daemon.answers_at("203.0.113.9") and not daemon.answers_at("198.51.100.7")
        await daemon.look_again("")
        assert not daemon.answers_at("203.0.113.9")

    run(scenario())


def test_without_an_address_it_waits_and_begins_as_soon_as_there_is_one(tmp_path: FilePath) -> None:
    async def scenario() -> tuple[list[str], list[str]]:
        daemon = Watched(tmp_path, start='"up"')
        daemon.host.here = "2001:db8::1"
        await daemon.apply()
        await asyncio.sleep(300)
        before = list(daemon.sent)
        after = await daemon.look_again("198.51.100.7")
        await daemon.tunnels.get("paris").down()
        return before, after

    assert run(scenario()) == ([], ["198.51.100.7"])


def test_one_that_is_down_is_not_made_known(tmp_path: FilePath) -> None:
    async def scenario() -> Wanted:
        daemon = Watched(tmp_path, start='"listen"')
        await daemon.apply()
        await daemon.tunnels.get("paris").down()
        await daemon.look_again("203.0.113.9")
        assert not daemon.answers_at("203.0.113.9")
        return daemon.tunnels.get("paris").keeper.wanted

    assert run(scenario()) is Wanted.DOWN
