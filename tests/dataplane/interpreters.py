"""Stand-ins for the interpreter with which launchers and workers are started."""

from __future__ import annotations

import sys
from pathlib import Path

_REAL = sys.executable


def script(commands: str, path: Path) -> str:
    """A program of a few lines for the shell."""
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(0o700)
    return str(path)


def launcher_of(worker: str, folder: Path) -> str:
    """An interpreter that is a real one for the launcher, which starts its workers with `worker`."""
    program = folder / "launcher.py"
    program.write_text(
        "import sys\n"
        "from ikevpn.dataplane.userspace.control import launcher\n"
        f"sys.executable = {worker!r}\n"
        "launcher.main(['', sys.argv[-1]])\n"
    )
    return script(f'exec {_REAL} {program} "$@"', folder / "interpreter")
