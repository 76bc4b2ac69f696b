"""Devices for tunnels that name none, where there are several workers: `ikevpn0`, `ikevpn1` and so on, one a worker.

A device belongs to one worker, so tunnels that all shared one would keep one core busy. Tunnels whose remote networks
or routes overlap share one all the same: there policies decide between them, where routes to two devices could not.
So do tunnels of one peer. What works on the one device that `check` looks at works on several, too. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.tunnel.build import POLICY_DEVICE

_PREFIX = POLICY_DEVICE.rstrip("0123456789")


class Spreading:
    """Remembers what it gave a tunnel, so that a reload leaves it there."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._given: dict[str, int] = {}

    def spread(self, tunnels: Mapping[str, TunnelConfig]) -> dict[str, TunnelConfig]:
        """The same tunnels; those that name no device have one that suits them."""
        policies = {name: each for name, each in tunnels.items() if each.device == POLICY_DEVICE}
        free = {name: each for name, each in policies.items() if not each.device_named}
        allowed = self._allowed(tunnels)
        self._given = {name: n for name, n in self._given.items() if name in free and n in allowed}
        for group in _groups(policies) if self._workers > 1 else ():
            number = self._number(group, free, allowed)
            self._given.update((name, number) for name in group if name in free)
        changed = {name: replace(free[name], device=f"{_PREFIX}{number}") for name, number in self._given.items()}
        return {**tunnels, **changed}

    def _allowed(self, tunnels: Mapping[str, TunnelConfig]) -> list[int]:
        """All but those whose devices somebody has named for himself; the first one is everybody's."""
        named = {each.device for each in tunnels.values() if each.device_named}
        return [number for number in range(self._workers) if not number or f"{_PREFIX}{number}" not in named]

    def _number(self, group: Sequence[str], free: Container[str], allowed: Sequence[int]) -> int:
        """Where a group goes: to whoever in it names the device, else where it was, else where there are fewest."""
        if any(name not in free for name in group):
            return 0
        load = Counter(self._given.values())
        emptiest = min(allowed, key=lambda number: (load[number], number))
        return min((self._given[name] for name in group if name in self._given), default=emptiest)


def _groups(tunnels: Mapping[str, TunnelConfig]) -> list[list[str]]:
    """Names of tunnels that have to share a device, in the order of the tunnels."""
    leader = {name: name for name in tunnels}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    first: dict[Hashable, str] = {}
    for name, reason in _reasons(tunnels):
        leader[find(name)] = find(first.setdefault(reason, name))
    groups: dict[str, list[str]] = {}
    for name in tunnels:
        groups.setdefault(find(name), []).append(name)
    return list(groups.values())


def _reasons(tunnels: Mapping[str, TunnelConfig]) -> Iterator[tuple[str, Hashable]]:
    """Names beside values; two tunnels with an equal one belong together."""
    for name, tunnel in tunnels.items():
        for remote in tunnel.remotes:
            yield name, ("peer", remote)
    for version in (4, 6):
        last, cluster = -1, 0
        bounds = sorted(bound for name, tunnel in tunnels.items() for bound in _bounds(name, tunnel, version))
        for low, high, name in bounds:
            cluster += low > last
            last = max(last, high)
            yield name, (version, cluster)


def _bounds(name: str, tunnel: TunnelConfig, version: int) -> Iterator[tuple[int, int, str]]:
    """First and last address of what goes into a tunnel, by its selectors or its routes."""
    for selector in tunnel.selectors:
        if selector.remote.version == version:
            yield int(selector.remote.first), int(selector.remote.last), name
    for route in tunnel.routes:
        if route.version == version:
            yield int(route.network_address), int(route.broadcast_address), name
