"""Wildcards stand for the host's own addresses; what the host refuses later ends nothing."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_interface
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.errors import HostError
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Event
from ikevpn.service.listening import Listening, spread

OWN = [ip_address(text) for text in ("127.0.0.1", "192.0.2.1", "10.1.1.1", "2001:db8::1", "fe80::1")]


class Bindings(tuple[SimpleNamespace, ...]):
    """Those of all tunnels; nothing competes with them."""

    async def look_for_rivals(self) -> None:
        pass


def texts(*listen: str) -> list[str]:
    return [str(each) for each in spread(map(ip_address, listen), OWN)]


def test_a_wildcard_means_every_address_of_its_family_but_link_local_ones() -> None:
    assert texts("0.0.0.0") == ["10.1.1.1", "127.0.0.1", "192.0.2.1"]
    assert texts("::") == ["2001:db8::1"]


def test_an_address_means_itself() -> None:
    assert texts("198.51.100.7", "::") == ["198.51.100.7", "2001:db8::1"]


def test_every_change_of_the_host_lets_tunnels_look_again() -> None:
    async def own() -> list[Any]:
        return []

    async def follow(addresses: list[Any]) -> None:
        """No sockets."""

    async def look_again() -> None:
        looked.append(True)

    looked: list[bool] = []
    parts: Any = SimpleNamespace(
        settings=SimpleNamespace(listen=()),
        host=SimpleNamespace(own_addresses=own),
        ports=SimpleNamespace(follow=follow),
        bindings=Bindings(),
        tunnels=(SimpleNamespace(look_again=look_again),),
    )
    asyncio.run(Listening(parts)._look_again())
    assert looked


def test_a_kernel_that_does_not_answer_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse() -> None:
        raise HostError("listing the addresses failed: no buffer space available")

    parts: Any = SimpleNamespace(
        settings=None, host=SimpleNamespace(own_addresses=refuse), bindings=Bindings(), tunnels=()
    )
    asyncio.run(Listening(parts)._look_again())
    assert "listing the addresses failed" in caplog.text


def test_addresses_that_go_end_what_used_them_and_nobody_waits_for_new_ones() -> None:
    """Those of our own devices come and go with tunnels: they are no news."""
    found = ["192.0.2.1/24 cable", "10.9.9.1/24 vpn-paris"]

    async def own() -> list[tuple[str, Any]]:
        return [(each.split()[1], ip_interface(each.split()[0])) for each in found]

    async def follow(addresses: list[Any]) -> None:
        """No sockets."""

    async def look_again() -> None:
        """Nothing to do."""

    reported: list[Event] = []
    gone: list[str] = []
    hurried: list[str] = []
    engine = SimpleNamespace(addresses_gone=lambda addresses, now: gone.extend(sorted(map(str, addresses))))
    parts: Any = SimpleNamespace(
        settings=SimpleNamespace(listen=()),
        host=SimpleNamespace(own_addresses=own),
        ports=SimpleNamespace(follow=follow),
        driver=SimpleNamespace(engine=engine, shielded=lambda command: command(0.0)),
        bindings=Bindings((SimpleNamespace(device="vpn-paris", follows_host=False, refresh=lambda: None),)),
        tunnels=(SimpleNamespace(look_again=look_again, keeper=SimpleNamespace(hurry=lambda: hurried.append("p"))),),
        report=reported.append,
    )

    async def scenario() -> None:
        listening = Listening(parts)
        await listening._look_again()
        await listening._look_again()
        found[:] = ["192.0.2.9/24 cable"]
        await listening._look_again()
        await listening._look_again()

    asyncio.run(scenario())
    assert [reasons.sentence(event) for event in reported] == [
        "this host's addresses changed, new: 192.0.2.1",
        "this host's addresses changed, gone: 192.0.2.1, new: 192.0.2.9",
    ]
    assert gone == ["10.9.9.1", "192.0.2.1"] and len(hurried) == 2
