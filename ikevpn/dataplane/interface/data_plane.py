"""A data plane as the service sees it: both interfaces, one order of events, a beginning and an end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from ikevpn.dataplane.interface.ike_port import IkeDatagram, IkePort
from ikevpn.dataplane.interface.sa_plane import SaEvent, SaPlane
from ikevpn.dataplane.kernel.process_usage import Use

CANNOT_START_AGAIN = "launcher-gone"
"""The reason of a HostError by which `start` says that only a new daemon helps."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """A worker ended without being asked; its SAs are gone and their traffic is dropped until `DataPlane.start`."""

    detail: str


DataPlaneEvent = SaEvent | IkeDatagram | Crashed


class DataPlane(SaPlane, IkePort, Protocol):
    """`events` tells of both in the order in which things happened."""

    def prepare(self) -> None:
        """Before the control process gives up privileges that are needed later. Raises HostError."""

    async def start(self) -> Collection[str]:
        """Start what does not run. Returns the tunnels whose SAs were lost since it ended. Raises HostError."""

    async def stop(self) -> None:
        """End all workers; the devices disappear."""

    async def counters(self) -> dict[str, int]:
        """Drops by reason that belong to no SA, and totals."""

    @property
    def uses_of_processes(self) -> Mapping[str, Use]:
        """What its processes have used, by name, when `counters` was asked last."""

    def events(self) -> AsyncIterator[DataPlaneEvent]: ...
