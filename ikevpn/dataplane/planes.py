"""Which class stands behind the interface, by name: the only place that knows one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ikevpn.dataplane.interface.data_plane import DataPlane
from ikevpn.dataplane.userspace.control.userspace import UserspaceDataPlane

USERSPACE = "userspace"


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What `[daemon]` says of data planes; each takes what concerns it."""

    workers: int = 1
    rehearsal: bool = False


def _userspace(settings: PlaneSettings) -> DataPlane:
    return UserspaceDataPlane(settings.workers, rehearsal=settings.rehearsal)


PLANES: Mapping[str, Callable[[PlaneSettings], DataPlane]] = {USERSPACE: _userspace}
