"""What a process of ours has used: processor time and memory, as /proc tells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_USER, _SYSTEM = 11, 12  # among the fields behind the name (proc(5))


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """`name` is `control`, `launcher` or `worker`, of several workers also `worker-1` and so on."""

    name: str
    cpu_s: float
    resident_bytes: int


def of_all(processes: Mapping[str, int | None]) -> tuple[ProcessUse, ...]:
    """Of processes by name, those that are there."""
    return tuple(use for name, pid in processes.items() if (use := read(name, pid)) is not None)


def read(name: str, pid: int | None) -> ProcessUse | None:
    """None where there is no such process."""
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        pages = int((folder / "statm").read_text().split()[1])
    except OSError:
        return None
    return ProcessUse(name, (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS_PER_S, pages * _PAGE)
