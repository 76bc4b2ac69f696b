"""Where the daemon listens: opens all ports at the start, and follows the host's addresses as they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from ikevpn.errors import HostError
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.events.event import Code, Event, Fact
from ikevpn.net.follow.changes import Changes
from ikevpn.service.parts import Parts
from ikevpn.wire.registry import Protocol

SETTLE_S = 0.5
"""Changes of a host come in bursts: how long to wait before looking at what came of them."""
_log = logging.getLogger(__name__)


class Listening:
    """The daemon's ports. `open` once, then `follow` for ever.

    An address that cannot be used yet, as IPv6 ones in their first second, is no reason to fail: it comes again as a
    change.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._own: frozenset[Address] = frozenset()
        self._on_ours: set[Address] = set()  # those of them that belong to devices of ours

    async def open(self) -> None:
        """Open all ports. Raises HostError for the first that is refused."""
        plane, ipv6 = self._parts.plane, _host_has_ipv6()
        for address in self._settings.listen:
            if address.version == 4 or ipv6:
                await plane.listen_natt(Endpoint(address, self._settings.natt_port))
        for version in (4, 6) if ipv6 else (4,):
            await plane.listen_raw(version, Protocol.ESP)
            await plane.listen_raw(version, Protocol.AH)
        self._own = await self._own_addresses()
        tolerated = {"no-such-address"} if any(address.is_unspecified for address in self._settings.listen) else ()
        await self._parts.ports.follow(spread(self._settings.listen, self._own), tolerated)
        port, addresses = self._parts.ports.port, sorted(map(str, self._parts.ports.addresses))
        open_at = tuple(str(Endpoint.of(address, port)) for address in addresses)
        facts: dict[str, Fact] = {"addresses": open_at, "natt": self._settings.natt_port}
        self._parts.report(Event(Code.LISTENING, facts=facts))

    async def follow(self) -> None:
        """After every change of the host: the right addresses have sockets, bindings are in force, and manual keys
        lead to the peer.
        """
        changes = Changes(own_port=await self._parts.host.port())
        try:
            async for _ in changes:
                self._parts.host.forget_surroundings()
                await asyncio.sleep(SETTLE_S)
                await self._look_again()
        finally:
            changes.close()

    async def _look_again(self) -> None:
        """Where our own addresses have changed, everything may have; else only what depends on the host's routes."""
        before = self._own
        try:
            self._own = own = await self._own_addresses()
            await self._parts.ports.follow(spread(self._settings.listen, own))
        except HostError as error:
            _log.warning("%s", error)
        if self._own != before:
            self._addresses_changed(before - self._own, self._own - before)
        for binding in self._parts.bindings:
            if self._own != before or binding.follows_host:
                binding.refresh()
        for tunnel in self._parts.tunnels:
            await tunnel.look_again()
        try:
            await self._parts.bindings.look_for_rivals()
        except HostError as error:
            _log.warning("%s", error)

    def _addresses_changed(self, gone: frozenset[Address], new: frozenset[Address]) -> None:
        """What used an address that is gone begins anew at once, and what waits for its next attempt tries again."""
        kinds = (("gone", gone - self._on_ours), ("new", new - self._on_ours))
        facts: dict[str, Fact] = {kind: tuple(sorted(map(str, found))) for kind, found in kinds if found}
        if facts:
            self._parts.report(Event(Code.ADDRESSES_CHANGED, facts=facts))
        self._on_ours &= self._own
        if gone:
            self._parts.driver.shielded(lambda now: self._parts.driver.engine.addresses_gone(gone, now))
        for tunnel in self._parts.tunnels:
            tunnel.keeper.hurry()

    async def _own_addresses(self) -> frozenset[Address]:
        found = await self._parts.host.own_addresses()
        devices = {binding.device for binding in self._parts.bindings}
        self._on_ours |= {interface.ip for device, interface in found if device in devices}
        return frozenset(interface.ip for _, interface in found if not interface.ip.is_link_local)


def _host_has_ipv6() -> bool:
    """Whether the kernel of this host speaks IPv6 at all."""
    return Path("/proc/net/if_inet6").exists()


def spread(listen: Iterable[Address], own: Iterable[Address]) -> list[Address]:
    """`listen` with its wildcards replaced by the addresses of the host that IKE can use."""
    usable = sorted((address for address in own if not address.is_link_local), key=str)
    found: list[Address] = []
    for address in listen:
        found += [each for each in usable if each.version == address.version] if address.is_unspecified else [address]
    return found
