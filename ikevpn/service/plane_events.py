"""What the data plane says, on its way to engine, keepers and bindings; and what to do when its worker is gone."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ikevpn.dataplane import interface as dataplane
from ikevpn.errors import HostError
from ikevpn.model.events import Code, Event
from ikevpn.service.parts import Parts

CRASHES_ALLOWED = 5
CRASHES_WITHIN_S = 60.0
_log = logging.getLogger(__name__)


class PlaneEvents:
    """Consumes the events of the data plane."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._crashes: deque[float] = deque(maxlen=CRASHES_ALLOWED)
        driver = parts.driver
        self._acts: Mapping[type[dataplane.DataPlaneEvent], Callable[[Any], None]] = {
            dataplane.IkeDatagram: driver.received_natt,
            dataplane.Acquire: self._acquire,
            dataplane.Expire: driver.expired,
            dataplane.Mapping: driver.moved,
            dataplane.UnknownSpi: driver.unknown_spi,
        }

    async def follow(self) -> None:
        """Until the data plane is stopped. Raises HostError where the worker crashes again and again."""
        async for event in self._parts.plane.events():
            if isinstance(event, dataplane.Crashed):
                await self._crashed(event)
            else:
                self._acts[type(event)](event)

    def _acquire(self, event: dataplane.Acquire) -> None:
        for tunnel in self._parts.tunnels:
            if tunnel.name == event.tunnel:
                tunnel.keeper.acquire(event.reqid)

    async def _crashed(self, event: dataplane.Crashed) -> None:
        """Start the worker anew. Its SAs are gone: every tunnel ends, and those that are wanted come up again."""
        parts = self._parts
        parts.report(Event(Code.DATA_PLANE_CRASHED, facts={"detail": event.detail}))
        now = asyncio.get_running_loop().time()
        self._crashes.append(now)
        if len(self._crashes) == CRASHES_ALLOWED and now - self._crashes[0] < CRASHES_WITHIN_S:
            raise HostError(
                f"the data plane crashed {CRASHES_ALLOWED} times within {CRASHES_WITHIN_S:.0f} s: {event.detail}",
                fix="report it with the daemon's log",
                reason="data-plane",
            )
        await parts.plane.start()
        for binding in parts.bindings:
            binding.restore()
        for tunnel in parts.tunnels:
            tunnel.lose_everything()
