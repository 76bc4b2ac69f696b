"""Where the daemon listens: opens all ports at the start, and follows the host's addresses as they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from ikevpn.errors import HostError
from ikevpn.model.address import Address, Endpoint
from ikevpn.net.changes import Changes
from ikevpn.service.parts import Parts

SETTLE_S = 0.5
"""Changes of a host come in bursts: how long to wait before looking at what came of them."""
_log = logging.getLogger(__name__)


class Listening:
    """The daemon's ports. `open` once, then `follow` for ever."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings

    async def open(self) -> None:
        """Open all ports. Raises HostError for the first that is refused."""
        plane, ipv6 = self._parts.plane, _host_has_ipv6()
        for address in self._settings.listen:
            if address.version == 4 or ipv6:
                await plane.listen_natt(Endpoint(address, self._settings.natt_port))
        for version in (4, 6) if ipv6 else (4,):
            await plane.listen_raw(version)
        await self._parts.ports.follow(await self._addresses())

    async def follow(self) -> None:
        """After every change of the host: the right addresses have sockets, and bindings are in force."""
        changes = Changes()
        try:
            async for _ in changes:
                await asyncio.sleep(SETTLE_S)
                await self._look_again()
        finally:
            changes.close()

    async def _look_again(self) -> None:
        try:
            await self._parts.ports.follow(await self._addresses())
        except HostError as error:
            _log.warning("%s", error)
        for binding in self._parts.bindings:
            binding.refresh()

    async def _addresses(self) -> set[Address]:
        """Where the IKE port is to be open: wildcards stand for all addresses of this host."""
        own = [interface.ip for _, interface in await self._parts.host.own_addresses()]
        return set(spread(self._settings.listen, own))


def _host_has_ipv6() -> bool:
    """Whether the kernel of this host speaks IPv6 at all."""
    return Path("/proc/net/if_inet6").exists()


def spread(listen: Iterable[Address], own: Iterable[Address]) -> list[Address]:
    """`listen` with its wildcards replaced by the addresses of the host that IKE can use."""
    usable = [address for address in own if not address.is_link_local]
    found: list[Address] = []
    for address in listen:
        found += [each for each in usable if each.version == address.version] if address.is_unspecified else [address]
    return found
