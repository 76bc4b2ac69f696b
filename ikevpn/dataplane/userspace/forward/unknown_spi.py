"""Which ESP packets for SPIs that nobody installed are worth a report: few, however many arrive."""

from __future__ import annotations

from ikevpn.model.address import Endpoint

SILENCE_S = 10.0
REPORTS = 64


class UnknownSpis:
    """One report for each SPI and sender in `SILENCE_S`, and no more than `REPORTS` in all in that time."""

    def __init__(self) -> None:
        self._reported: dict[tuple[int, Endpoint], float] = {}  # oldest first

    def report(self, spi: int, remote: Endpoint, now: float) -> bool:
        """Whether this one is to be reported; if so it counts as reported."""
        while self._reported and next(iter(self._reported.values())) + SILENCE_S <= now:
            del self._reported[next(iter(self._reported))]
        if len(self._reported) >= REPORTS or (spi, remote) in self._reported:
            return False
        self._reported[spi, remote] = now
        return True
