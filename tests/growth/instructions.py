"""Work instead of time: how many instructions of Python are executed. The same on every machine, however busy it is."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.growth.measure import Clock


class Instructions(Clock):
    """In place of a clock."""

    @contextmanager
    def running(self) -> Iterator[None]:
        before = sys.gettrace()
        gc.disable()  # it runs when it likes, and with it what others have asked it to call
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)
            gc.enable()

    def taken_us(self) -> float:
        used, self.used_ns = self.used_ns, 0
        return float(used)

    def typical(self, tries: Sequence[float]) -> float:
        """The least. Hashes are keyed anew in each process (PEP 456): two keys that meet in a table cost a comparison
        in Python, which has nothing to do with how many there are. A search through all is in every try.
        """
        return min(tries)

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._count

    def _count(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.used_ns += event == "opcode"
        return self._count
