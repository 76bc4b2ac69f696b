"""Devices for tunnels that name none, where there are several workers: `ikevpn0`, `ikevpn1` and so on, one a worker.

A device belongs to one worker, so tunnels that all shared one would keep one core busy. Tunnels whose remote networks
overlap share a device all the same: there policies decide between them, where routes to two devices could not. So do
tunnels of one peer. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace

from ikevpn.config.build import POLICY_DEVICE
from ikevpn.config.configuration import TunnelConfig

_PREFIX = POLICY_DEVICE.rstrip("0123456789")


class Spreading:
    """Remembers what it gave a tunnel, so that a reload leaves it there."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._given: dict[str, int] = {}

    def spread(self, tunnels: Mapping[str, TunnelConfig]) -> dict[str, TunnelConfig]:
        """The same tunnels; those that name no device have one that suits them."""
        free = {name: each for name, each in tunnels.items() if not each.device_named and each.device == POLICY_DEVICE}
        self._given = {name: number for name, number in self._given.items() if name in free}
        for group in _groups(free) if self._workers > 1 else ():
            number = min((self._given[name] for name in group if name in self._given), default=self._emptiest())
            self._given.update(dict.fromkeys(group, number))
        changed = {name: replace(free[name], device=f"{_PREFIX}{number}") for name, number in self._given.items()}
        return {**tunnels, **changed}

    def _emptiest(self) -> int:
        load = Counter(self._given.values())
        return min(range(self._workers), key=lambda number: (load[number], number))


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
    remotes = [(each.remote, name) for name, tunnel in tunnels.items() for each in tunnel.selectors]
    for version in (4, 6):
        last, cluster = -1, 0
        bounds = sorted((int(each.first), int(each.last), name) for each, name in remotes if each.version == version)
        for low, high, name in bounds:
            cluster += low > last
            last = max(last, high)
            yield name, (version, cluster)
