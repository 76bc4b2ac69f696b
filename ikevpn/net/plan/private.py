"""Files and folders that are nobody's but ours: 0600 and 0700. What others own or may write to is refused, for they
could have written what we read there; a file that others may read is made private, and the log says which.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from ikevpn.errors import HostError

_log = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make it where it is not there. Raises HostError where others may write to it, else OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_mode & 0o022 or found.st_uid not in (os.geteuid(), 0):
        raise _not_ours(folder, found, 0o700)


def open_file(path: Path, flags: int) -> int:
    """A descriptor of a file that is made where it is not there, and that is ours alone. Raises HostError, OSError."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise _not_ours(path, found, 0o600)
        if found.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
            _log.warning("%s could be read by others; its mode was %o and is 600 now", path, found.st_mode & 0o777)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _not_ours(path: Path, found: os.stat_result, mode: int) -> HostError:
    return HostError(
        f"{path} is not ours alone: it belongs to user {found.st_uid} and has the mode {found.st_mode & 0o7777:o}",
        fix=f"look at what is in it; then `chown {os.geteuid()} {path}` and `chmod {mode:o} {path}`, or remove it",
        reason="state",
    )
