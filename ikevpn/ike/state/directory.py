"""Tunnels by name, and by the addresses from which their peers may call. Knows nothing of what is negotiated."""

from __future__ import annotations

from collections.abc import Iterator

from ikevpn.errors import UsageError
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.tunnel import Tunnel

_ANYWHERE = 1 << 128


class Directory:
    """A stranger's first message costs the same with one tunnel of its address as with a thousand of others."""

    def __init__(self) -> None:
        self._by_name: dict[str, Tunnel] = {}
        self._by_address: dict[Address, dict[str, Tunnel]] = {}
        self._named: set[str] = set()
        self._wide: dict[str, Tunnel] = {}  # for ranges of addresses, or any

    def add(self, tunnel: Tunnel) -> None:
        """Make known, or replace."""
        self.remove(tunnel.name)
        self._by_name[tunnel.name] = tunnel
        if tunnel.named:
            self._named.add(tunnel.name)
        for each in tunnel.remotes:
            if each.first == each.last:
                self._by_address.setdefault(each.first, {})[tunnel.name] = tunnel
        if not tunnel.remotes or any(each.first != each.last for each in tunnel.remotes):
            self._wide[tunnel.name] = tunnel

    def remove(self, name: str) -> None:
        """Fine where there is none."""
        tunnel = self._by_name.pop(name, None)
        self._wide.pop(name, None)
        self._named.discard(name)
        for each in tunnel.remotes if tunnel else ():
            there = self._by_address.get(each.first, {})
            if there.pop(name, None) is not None and not there:
                del self._by_address[each.first]

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

    def calls_only(self, local: Endpoint, remote: Endpoint) -> Tunnel | None:
        """A tunnel whose peer may be at that address and is not answered when it calls."""
        return next((each for each in self.between(local, remote) if each.initiator_only), None)

    def names(self, address: Address) -> bool:
        """Whether a tunnel has that very address for its peer."""
        return address in self._by_address

    @property
    def any_named(self) -> bool:
        """Whether there is a peer that is known by a DNS name."""
        return bool(self._named)

    def may_call(self, local: Endpoint, remote: Endpoint) -> list[Tunnel]:
        """Tunnels whose peer may be at that address and may call us at this one; the more specific come first."""
        answering = (each for each in self.between(local, remote) if not each.initiator_only)
        return sorted(answering, key=lambda each: _width(each, remote))

    def between(self, local: Endpoint, remote: Endpoint) -> Iterator[Tunnel]:
        """All tunnels whose peer may be at that address while we are at this one, whoever calls."""
        near = {**self._by_address.get(remote.address, {}), **self._wide}
        return (each for each in near.values() if may_be(each, local.address, remote.address))


def may_be(tunnel: Tunnel, local: Address, remote: Address) -> bool:
    """Whether a peer of this tunnel may be at an address and call us at another."""
    if tunnel.local is not None and tunnel.local != local:
        return False
    return tunnel.any_remote or any(each.contains(remote) for each in tunnel.remotes)


def _width(tunnel: Tunnel, remote: Endpoint) -> int:
    """How many addresses a tunnel would have accepted in place of this one."""
    widths = (int(each.last) - int(each.first) for each in tunnel.remotes if each.contains(remote.address))
    return min(widths, default=_ANYWHERE)
