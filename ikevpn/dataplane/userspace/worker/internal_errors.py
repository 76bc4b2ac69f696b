"""Keeps an error of ours in one batch from ending the worker, and with it every tunnel.

What goes wrong under it costs the batch. It is counted, and told once: where, and of which kind, but never with the
error's own words, which could hold what was in a packet.
"""

from __future__ import annotations

import sys
from pathlib import Path
from traceback import extract_tb

from ikevpn.dataplane.userspace.packet.stats import Loss, Stats


class InternalErrors:
    """What happens to errors of ours; one for the whole worker."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._told = False

    def survive(self, error: Exception) -> None:
        """An error while a batch was dealt with."""
        self._stats.lose(Loss.INTERNAL_ERROR)
        if not self._told:
            self._told = True
            place = extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            print(f"data plane: {type(error).__name__} in {where}; the packets of that batch are lost", file=sys.stderr)
