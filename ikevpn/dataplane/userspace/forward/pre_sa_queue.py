"""ESP packets that came before their SA did; a few of each sender and a bounded number in all, for a moment.

Some peers send on a new SA as soon as they have answered our proposal, so that their first packets overtake the answer,
or arrive while it is still being computed with. Anybody can send packets with an SPI that nobody has: what is kept of
them costs some memory for half a second and nothing else, and it is opened by the SA of its SPI or never.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from ikevpn.dataplane.userspace.packet.ends import Arrival
from ikevpn.model.address import Address

PATIENCE_S = 0.5
PACKETS_PER_SENDER = 32
PACKETS_IN_ALL = 256
OCTETS_IN_ALL = 1 << 19


@dataclass(slots=True)
class _Wait:
    deadline: float
    batches: list[Arrival] = field(default_factory=list)


class PreSaQueue:
    """One wait for each SPI, which ends `PATIENCE_S` after its first packet."""

    def __init__(self) -> None:
        self._waits: dict[int, _Wait] = {}  # in order of their deadlines
        self._senders: Counter[Address] = Counter()
        self._packets = 0
        self._octets = 0
        self.next_timer: float | None = None  # when `forget` has work to do

    def __len__(self) -> int:
        return self._packets

    def add(self, spi: int, arrival: Arrival, now: float) -> int:
        """Keep the first of its packets; returns how many."""
        room = PACKETS_IN_ALL - self._packets
        if room <= 0 or self._octets >= OCTETS_IN_ALL:
            return 0
        sender = arrival.path.remote.address
        kept: list[bytes] = []
        for packet in islice(arrival.datagrams, max(0, min(room, PACKETS_PER_SENDER - self._senders[sender]))):
            if self._octets + len(packet) > OCTETS_IN_ALL:
                break
            self._octets += len(packet)
            kept.append(packet)
        if not kept:
            return 0
        wait = self._waits.get(spi)
        if wait is None:
            wait = self._waits[spi] = _Wait(now + PATIENCE_S)
            self._plan()
        wait.batches.append(arrival._replace(datagrams=kept))
        self._packets += len(kept)
        self._senders[sender] += len(kept)
        return len(kept)

    def take(self, spi: int) -> list[Arrival]:
        """End the wait: batches in the order in which they came."""
        wait = self._waits.pop(spi, None)
        if wait is None:
            return []
        for path, packets, _ in wait.batches:
            self._packets -= len(packets)
            self._octets -= sum(map(len, packets))
            self._senders[path.remote.address] -= len(packets)
        self._senders = +self._senders
        self._plan()
        return wait.batches

    def forget(self, now: float) -> int:
        """End all waits that were in vain; returns how many packets are lost with them."""
        before = self._packets
        for spi in [spi for spi, wait in self._waits.items() if wait.deadline <= now]:
            self.take(spi)
        return before - self._packets

    def _plan(self) -> None:
        self.next_timer = next(iter(self._waits.values())).deadline if self._waits else None
