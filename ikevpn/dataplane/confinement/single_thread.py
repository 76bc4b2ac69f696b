"""Keeps numpy's libraries from starting a thread for each core as they are loaded.

Nobody here uses them, and what a process gives up of its privileges it gives up thread by thread: one that was there
before would keep them all, in the same memory. To be said before numpy is imported.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def keep() -> None:
    """For this process and what it starts."""
    os.environ.update(VARIABLES)


def others() -> int:
    """How many other threads there are all the same."""
    return len(list(Path("/proc/self/task").iterdir())) - 1
