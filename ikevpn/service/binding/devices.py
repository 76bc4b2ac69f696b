"""TUN devices that several tunnels may share: the first makes one, the last removes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ikevpn.dataplane.interface.sa_plane import SaPlane
from ikevpn.model.address import Address


class Devices:
    """TUN devices by name, each there for as long as somebody uses it."""

    def __init__(self, plane: SaPlane) -> None:
        self._plane = plane
        self._users: Counter[str] = Counter()

    async def take(self, name: str, mtu: int, peers: Iterable[Address]) -> None:
        """Use a device; the first user makes it and says who its peers are. Raises HostError."""
        if not self._users[name]:
            await self._plane.add_device(name, mtu, peers)
        self._users[name] += 1

    def names(self) -> frozenset[str]:
        """All that are there."""
        return frozenset(self._users)

    async def release(self, name: str) -> None:
        """Use it no longer; with the last user it goes."""
        self._users[name] -= 1
        if self._users[name] <= 0:
            del self._users[name]
            await self._plane.delete_device(name)
