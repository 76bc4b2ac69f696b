"""What the data plane says, on its way to engine, keepers and bindings; and what to do when its worker is gone: start
another one, after pauses that grow where that does not help, and never give up. Without its worker nothing passes a
tunnel.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ikevpn.dataplane.interface import data_plane, ike_port, sa_plane
from ikevpn.errors import HostError
from ikevpn.model.events.event import Code, Event, Fact, Reason
from ikevpn.service.parts import Parts
from ikevpn.service.tunnel.keeper import pause_s

SIGN_OF_LIFE_S = 15.0
"""How often the worker is asked anything at all: one that hangs is ended by the data plane, and then started anew."""
STEADY_S = 60.0
"""A worker that lived for so long was a good one: its successor is started at once."""


class PlaneEvents:
    """Consumes the events of the data plane."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._crashes = 0  # in a row
        self._started = asyncio.get_running_loop().time()
        driver = parts.driver
        self._acts: Mapping[type[data_plane.DataPlaneEvent], Callable[[Any], None]] = {
            ike_port.IkeDatagram: driver.received_natt,
            sa_plane.Acquire: self._acquire,
            sa_plane.Expire: self._expired,
            sa_plane.Mapping: driver.moved,
            sa_plane.UnknownSpi: driver.unknown_spi,
        }

    async def follow(self) -> None:
        """Until the data plane is stopped."""
        async for event in self._parts.plane.events():
            if isinstance(event, data_plane.Crashed):
                await self._crashed(event)
            else:
                self._acts[type(event)](event)

    async def watch(self) -> None:
        """For ever: see to it that a worker that hangs is noticed."""
        while True:
            await asyncio.sleep(SIGN_OF_LIFE_S)
            with contextlib.suppress(HostError):  # its end comes as an event
                await self._parts.plane.counters()

    def _acquire(self, event: sa_plane.Acquire) -> None:
        tunnel = self._parts.tunnels.find(event.tunnel)
        if tunnel is not None:
            tunnel.keeper.acquire(event.reqid)

    def _expired(self, event: sa_plane.Expire) -> None:
        tunnel = self._parts.tunnels.find(event.tunnel)
        if tunnel is None or not tunnel.keying.expired(event):
            self._parts.driver.expired(event)

    async def _crashed(self, event: data_plane.Crashed) -> None:
        """Start the worker anew. Its SAs are gone: their tunnels end, and those that are wanted come up again."""
        parts = self._parts
        if asyncio.get_running_loop().time() - self._started >= STEADY_S:
            self._crashes = 0
        lost = await self._start_anew(event.detail)
        self._started = asyncio.get_running_loop().time()
        for binding in parts.bindings:
            binding.restore()
        for tunnel in parts.tunnels:
            if tunnel.name in lost:
                tunnel.lose_everything(Reason.DATA_PLANE_RESTARTED)

    async def _start_anew(self, detail: str) -> Collection[str]:
        """As often as it takes; returns the tunnels that lost something. Raises HostError where it cannot work."""
        while True:
            try:
                return await self._start_again(detail)
            except HostError as error:
                if error.reason == data_plane.CANNOT_START_AGAIN:
                    raise  # we gave up the privileges of a launcher
                detail = str(error)

    async def _start_again(self, detail: str) -> Collection[str]:
        """One attempt, after a pause unless it is the first. Raises HostError."""
        seconds = pause_s(self._crashes, random.random()) if self._crashes else 0.0  # noqa: S311 - only spreads
        self._crashes += 1
        facts: dict[str, Fact] = {"detail": detail}
        if seconds:
            facts["seconds"] = round(seconds, 1)
        self._parts.report(Event(Code.DATA_PLANE_CRASHED, facts=facts))
        await asyncio.sleep(seconds)
        return await self._parts.plane.start()
