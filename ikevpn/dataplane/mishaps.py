"""Keeps an error of ours in one batch from ending the worker, and with it every tunnel.

What goes wrong under it costs the batch. It is counted, and told once: where, and of which kind, but never with the
error's own words, which could hold what was in a packet.
"""

from __future__ import annotations

import sys
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

from ikevpn.dataplane.stats import Loss, Stats


class Mishaps:
    """A context in which batches are dealt with, one at a time."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._told = False

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Whether there was an error that the worker survives."""
        if not isinstance(error, Exception):
            return False
        self._stats.lose(Loss.INTERNAL_ERROR)
        if not self._told:
            self._told = True
            place = extract_tb(trace)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            print(f"data plane: {type(error).__name__} in {where}; the packets of that batch are lost", file=sys.stderr)
        return True
