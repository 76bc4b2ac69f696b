"""CPU time of the processes of a gateway, by /proc. What the kernel does in interrupts is nobody's and not counted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from interop.lab.namespace import Namespace

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processes(host: Namespace, words: Iterable[str]) -> list[int]:
    """Processes in a namespace whose command line has one of `words`."""
    found = []
    for pid in host.run("ip", "netns", "pids", host.name).output.split():
        try:
            command = Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if any(word in command for word in words):
            found.append(int(pid))
    return found


def seconds(pids: Iterable[int]) -> float:
    """CPU seconds, user and system, that these processes have used; one that has ended counts nothing."""
    return sum(map(_seconds, pids))


def _seconds(pid: int) -> float:
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
