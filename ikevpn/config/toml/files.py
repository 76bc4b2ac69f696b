"""The files of a configuration: which they are, what stands in them, and who else could change them.

Opening never waits, whatever it is that has the name: a pipe is not read, nor is a device.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ikevpn.config.finding import Finding, Severity


class File(NamedTuple):
    """What stands in a file, and what the host says about it; nothing stands in what is not a regular file."""

    octets: bytes
    status: os.stat_result

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)


def read(path: Path, most: int = -1) -> File:
    """A whole file, or no more than so many octets of it. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        file = File(b"", os.fstat(descriptor))
        if not file.is_regular:
            return file
        with open(descriptor, "rb", closefd=False) as stream:
            return File(stream.read(most), file.status)
    finally:
        os.close(descriptor)


def find(path: Path) -> list[Path]:
    """The files in a folder whose names end in `.toml`, in order, else the path itself. Raises OSError."""
    try:
        return sorted(each for each in path.iterdir() if each.name.endswith(".toml"))
    except (FileNotFoundError, NotADirectoryError):
        return [path]


def others_could_change(path: Path, status: os.stat_result) -> Iterator[Finding]:
    """Whoever can write a configuration decides where traffic goes and what the daemon reads: an error where that is
    everybody, else a warning. A folder is only warned of; one that is sticky, as /tmp, protects the files in it.
    """
    mode, sticky = status.st_mode, stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    what, worst = ("folder", Severity.WARNING) if stat.S_ISDIR(mode) else ("file", Severity.ERROR)
    if status.st_uid not in (0, os.geteuid()):
        sentence = f"the {what} belongs to user {status.st_uid}, who could change it."
        yield Finding(Severity.WARNING, "others-could-change", str(path), sentence, f"Run: chown root {path}")
    if mode & 0o022 and not sticky:
        who = "everybody on this machine" if mode & 0o002 else "its group"
        sentence = f"the {what} can be changed by {who} (mode {stat.S_IMODE(mode):04o})."
        severity = worst if mode & 0o002 else Severity.WARNING
        yield Finding(severity, "others-could-change", str(path), sentence, f"Run: chmod go-w {path}")
