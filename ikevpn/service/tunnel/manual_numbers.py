"""The sequence numbers with which one SA of manual keys sends: reserved on disk before they may be used, first a few
and then more at a time. What a crash leaves unused is lost for ever, which is why the first reservation is small.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ikevpn.model.manual import ManualKeys
from ikevpn.model.sa import Limits, Sa
from ikevpn.service.tunnel.sequences import LAST, Reservation, SendingKey, Sequences

FIRST_BLOCK = 1 << 18
LARGEST_BLOCK = 1 << 22
"""At 300,000 packets a second half of the first is used in 0.4 s, half of the largest in 7 s."""
NEARLY_ALL = LAST // 10 * 9


class Numbers:
    """Of one key and SPI. Never decides when more are needed."""

    def __init__(self, tunnel: str, manual: ManualKeys, sequences: Sequences) -> None:
        self._key = SendingKey(tunnel, manual.proposal.protocol, manual.remote_spi, manual.outbound)
        self._sequences = sequences
        self._block = FIRST_BLOCK
        self._told = False

    def begin(self) -> None:
        """Small blocks again."""
        self._block = FIRST_BLOCK

    async def reserve(self) -> Reservation:
        """Some more. Waits for the disk elsewhere. Raises HostError."""
        reservation = await asyncio.to_thread(self._sequences.reserve, self._key, self._block)
        self._block = min(2 * self._block, LARGEST_BLOCK)
        return reservation

    def runs_low(self, reservation: Reservation) -> bool:
        """Whether nearly all are used; only once."""
        low = reservation.last >= NEARLY_ALL and not self._told
        self._told |= low
        return low


def within(sa: Sa, reservation: Reservation) -> Sa:
    """An SA that uses these numbers and no others, and says when half of them are used."""
    count = reservation.last - reservation.used
    return replace(sa, sequence=reservation.used, limits=Limits(soft_packets=max(1, count // 2), hard_packets=count))
