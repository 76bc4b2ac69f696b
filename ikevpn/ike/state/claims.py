"""The networks of tunnels whose peer is named by its address: no peer of a tunnel for many may have any of them.

A tunnel for everything (0.0.0.0/0) claims nothing: what is narrower goes before it wherever packets are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ikevpn.model.address import AddressRange
from ikevpn.model.territory import Territory
from ikevpn.model.tunnel import Tunnel

Claim = tuple[str, AddressRange]
"""The name of a tunnel and a network of its peer."""


class Claims:
    """By tunnels that the engine knows, and by tunnels that are configured and may be down."""

    def __init__(self) -> None:
        self._territory = Territory[Claim]()
        self._known: dict[str, frozenset[AddressRange]] = {}
        self._reserved: dict[str, frozenset[AddressRange]] = {}

    def know(self, tunnel: Tunnel) -> None:
        """A tunnel that the engine has, new or changed."""
        ranges = () if tunnel.many_peers else [child.selector.remote for child in tunnel.children]
        self._set(self._known, tunnel.name, ranges)

    def forget(self, name: str) -> None:
        """The engine has it no more. Fine where it had not."""
        self._set(self._known, name, ())

    def reserve(self, networks: Mapping[str, Collection[AddressRange]]) -> list[AddressRange]:
        """These are the configured ones, in place of all before; returns what is new of them."""
        before = {each for ranges in self._reserved.values() for each in ranges}
        for name in [name for name in self._reserved if name not in networks]:
            self._set(self._reserved, name, ())
        for name, ranges in networks.items():
            self._set(self._reserved, name, ranges)
        return list({each for ranges in self._reserved.values() for each in ranges} - before)

    def on(self, wanted: AddressRange) -> Claim | None:
        """A claim on some of what a peer wants. Who wants everything has only what nobody else has."""
        return None if _is_everything(wanted) else next(self._territory.overlapping(wanted), None)

    def _set(self, table: dict[str, frozenset[AddressRange]], name: str, ranges: Iterable[AddressRange]) -> None:
        before, now = table.pop(name, frozenset()), frozenset(each for each in ranges if not _is_everything(each))
        if now:
            table[name] = now
        for each in before - now:
            self._territory.remove(each, (name, each))
        for each in now - before:
            self._territory.add(each, (name, each))


def _is_everything(addresses: AddressRange) -> bool:
    return addresses == AddressRange.everything(addresses.version)
