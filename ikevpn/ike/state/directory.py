"""Tunnels by name, and by the addresses from which their peers may call. Knows nothing of what is negotiated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ikevpn.errors import UsageError
from ikevpn.ike.state.alike import Alike, Kind, Numbered
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.territory import Territory
from ikevpn.model.tunnel import Tunnel

_Remote = AddressRange | None
"""From where peers call; None: from anywhere."""


class Directory:
    """A stranger's first message costs the same with one tunnel that it may mean as with ten thousand.

    Tunnels stand on shelves, by the address of the peer and by our own, and on a shelf in groups that are alike.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Tunnel] = {}
        self._named: set[str] = set()
        self._shelves: dict[_Remote, dict[Address | None, dict[Kind, Alike]]] = {}
        self._ranges = Territory[AddressRange]()  # those of the shelves that are for more than one address
        self._numbers = count()

    def add(self, tunnel: Tunnel) -> None:
        """Make known, or replace."""
        self.remove(tunnel.name)
        self._by_name[tunnel.name] = tunnel
        if tunnel.named:
            self._named.add(tunnel.name)
        member, kind = Numbered(next(self._numbers), tunnel), Kind.of(tunnel)
        for remote in _remotes(tunnel):
            if remote not in self._shelves:
                self._shelves[remote] = {}
                if remote is not None and remote.size > 1:
                    self._ranges.add(remote, remote)
            groups = self._shelves[remote].setdefault(tunnel.local, {})
            groups.setdefault(kind, Alike(kind)).add(member)

    def remove(self, name: str) -> None:
        """Fine where there is none."""
        tunnel = self._by_name.pop(name, None)
        self._named.discard(name)
        if tunnel is None:
            return
        for remote in _remotes(tunnel):
            self._take_from_shelf(remote, tunnel)

    def _take_from_shelf(self, remote: _Remote, tunnel: Tunnel) -> None:
        shelf, kind = self._shelves[remote], Kind.of(tunnel)
        groups = shelf[tunnel.local]
        groups[kind].remove(tunnel)
        if not groups[kind].members:
            del groups[kind]
        if not groups:
            del shelf[tunnel.local]
        if not shelf:
            del self._shelves[remote]
            if remote is not None and remote.size > 1:
                self._ranges.remove(remote, remote)

    def check(self, name: str) -> None:
        """Raises UsageError where there is no such tunnel."""
        if name not in self._by_name:
            raise UsageError(f"there is no tunnel {name}", reason="unknown-tunnel")

    def __getitem__(self, name: str) -> Tunnel:
        """Raises UsageError where there is no such tunnel."""
        self.check(name)
        return self._by_name[name]

    def get(self, name: str, otherwise: Tunnel) -> Tunnel:
        """As it is configured now."""
        return self._by_name.get(name, otherwise)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def known(self, name: str) -> Tunnel | None:
        """As it is configured now; None: there is none of this name."""
        return self._by_name.get(name)

    def names(self, address: Address) -> bool:
        """Whether a tunnel has that very address for its peer."""
        return AddressRange.of_address(address) in self._shelves

    @property
    def any_named(self) -> bool:
        """Whether there is a peer that is known by a DNS name."""
        return bool(self._named)

    def near(self, local: Address, remote: Address) -> Iterator[list[Alike]]:
        """Groups of tunnels whose peer may be at one address and we at the other, the more specific address first."""
        for key in self._keys(remote):
            shelf = self._shelves.get(key, {})
            yield [group for own in (local, None) for group in shelf.get(own, {}).values()]

    def _keys(self, remote: Address) -> list[_Remote]:
        alone = AddressRange.of_address(remote)
        wide = {each for each in self._ranges.overlapping(alone)} if len(self._ranges) else set()
        return [alone, *sorted(wide, key=lambda each: (each.size, each.first)), None]


def _remotes(tunnel: Tunnel) -> tuple[_Remote, ...]:
    """Where the peer may be, each once."""
    return tuple(dict.fromkeys(tunnel.remotes)) or (None,)


def may_be(tunnel: Tunnel, local: Address, remote: Address) -> bool:
    """Whether a peer of this tunnel may be at an address and call us at another."""
    if tunnel.local is not None and tunnel.local != local:
        return False
    return tunnel.any_remote or any(each.contains(remote) for each in tunnel.remotes)
