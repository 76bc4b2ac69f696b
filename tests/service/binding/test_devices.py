"""A device lives from its first user to its last."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address

import pytest

from ikevpn.errors import HostError
from ikevpn.model.address import Address
from ikevpn.service.binding.devices import Devices

PEER = ip_address("192.0.2.2")


class Plane:
    def __init__(self) -> None:
        self.done: list[str] = []

    async def add_device(self, name: str, mtu: int, peers: Iterable[Address]) -> str:
        if name == "taken":
            raise HostError("the name is taken")
        self.done.append(f"add {name} {mtu} {[*map(str, peers)]}")
        return name

    async def delete_device(self, name: str) -> None:
        self.done.append(f"delete {name}")


def test_shared_by_two() -> None:
    async def scenario() -> list[str]:
        plane = Plane()
        devices = Devices(plane)  # type: ignore[arg-type]
        await devices.take("vpn0", 1400, [PEER])
        await devices.take("vpn0", 1300, [])
        await devices.release("vpn0")
        assert plane.done == ["add vpn0 1400 ['192.0.2.2']"]
        await devices.release("vpn0")
        await devices.take("vpn0", 1300, [])
        return plane.done

    assert asyncio.run(scenario()) == ["add vpn0 1400 ['192.0.2.2']", "delete vpn0", "add vpn0 1300 []"]


def test_a_refused_device_has_no_user() -> None:
    async def scenario() -> list[str]:
        plane = Plane()
        devices = Devices(plane)  # type: ignore[arg-type]
        for _ in range(2):
            with pytest.raises(HostError):
                await devices.take("taken", 1400, [])
        return plane.done

    assert asyncio.run(scenario()) == []
