"""Packets that wait while IKE negotiates the SA they need; a few for each reqid and a bounded number in all.

The first packets are kept rather than the last: a ping or a TCP SYN that opens the tunnel is then also answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

PACKETS_PER_REQID = 8
PACKETS_IN_ALL = 1024
PATIENCE_S = 30.0


class Held(NamedTuple):
    """What became of a packet: whether it waits, and whether it is the first of its wait, so that an acquire is due."""

    kept: bool
    first: bool


@dataclass(slots=True)
class _Wait:
    deadline: float
    packets: list[tuple[str, bytes]] = field(default_factory=list)


class AcquireQueue:
    """One wait for each reqid. An acquire is due once a wait, so at most once in `PATIENCE_S` for each reqid."""

    def __init__(self) -> None:
        self._waits: dict[int, _Wait] = {}  # in order of their deadlines
        self._packets = 0
        self.next_timer: float | None = None  # when `forget` has work to do

    def __len__(self) -> int:
        return self._packets

    def add(self, reqid: int, device: str, packet: bytes, now: float) -> Held:
        """Hold a packet that came from `device`."""
        wait = self._waits.get(reqid)
        first = wait is None
        if wait is None:
            wait = self._waits[reqid] = _Wait(now + PATIENCE_S)
            self._plan()
        kept = len(wait.packets) < PACKETS_PER_REQID and self._packets < PACKETS_IN_ALL
        if kept:
            wait.packets.append((device, packet))
            self._packets += 1
        return Held(kept, first)

    def take(self, reqid: int) -> list[tuple[str, bytes]]:
        """End the wait: (device, packet) in the order in which they came."""
        wait = self._waits.pop(reqid, None)
        if wait is None:
            return []
        self._packets -= len(wait.packets)
        self._plan()
        return wait.packets

    def forget(self, now: float) -> int:
        """End all waits that were in vain; returns how many packets are lost with them."""
        vain = [reqid for reqid, wait in self._waits.items() if wait.deadline <= now]
        return sum(len(self.take(reqid)) for reqid in vain)

    def _plan(self) -> None:
        self.next_timer = next(iter(self._waits.values())).deadline if self._waits else None
