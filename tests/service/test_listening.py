"""Wildcards stand for the host's own addresses; what the host refuses later ends nothing."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from ikevpn.errors import HostError
from ikevpn.service.listening import Listening, spread

OWN = [ip_address(text) for text in ("127.0.0.1", "192.0.2.1", "10.1.1.1", "2001:db8::1", "fe80::1")]


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
        bindings=(),
        tunnels=(SimpleNamespace(look_again=look_again),),
    )
    asyncio.run(Listening(parts)._look_again())
    assert looked


def test_a_kernel_that_does_not_answer_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def refuse() -> None:
        raise HostError("listing the addresses failed: no buffer space available")

    parts: Any = SimpleNamespace(settings=None, host=SimpleNamespace(own_addresses=refuse), bindings=(), tunnels=())
    asyncio.run(Listening(parts)._look_again())
    assert "listing the addresses failed" in caplog.text
