"""What a process of ours has used: processor time and memory.

By files of /proc that are opened once, because a confined process opens none, and because others need not be able to
look: where /proc hides the processes of other users, each can still read its own.
"""

from __future__ import annotations

import os
from io import FileIO
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_USER, _SYSTEM = 11, 12  # among the fields behind the name (proc(5))
_LONGEST = 4096


class Use(NamedTuple):
    cpu_s: float = 0.0
    resident_bytes: int = 0


class OwnUse:
    """Of the process that makes it. Raises OSError where there is no /proc."""

    def __init__(self) -> None:
        self._stat, self._memory = FileIO("/proc/self/stat"), FileIO("/proc/self/statm")

    def read(self) -> Use:
        """As of now."""
        fields = _read(self._stat).rpartition(b")")[2].split()
        ticks = int(fields[_USER]) + int(fields[_SYSTEM])
        return Use(ticks / _TICKS_PER_S, int(_read(self._memory).split()[1]) * _PAGE)


def _read(file: FileIO) -> bytes:
    file.seek(0)
    return file.read(_LONGEST) or b""
