"""The user that a worker becomes.

It is the system user `ikevpn` where there is one. Else a number that nobody has: `nobody` would not do, because
whatever else runs as nobody could send it signals, and it could send some to them. The range is the one from which
systemd takes the users of services with DynamicUser=, so that no file on the host should belong to any of them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

NAME = "ikevpn"
NUMBERS = range(61_184, 65_520)
"""Of https://systemd.io/UIDS-GIDS: dynamic service users."""


@dataclass(frozen=True, slots=True)
class OwnUser:
    uid: int
    gid: int

    @classmethod
    def find(cls, name: str = NAME) -> Self:
        """While the host's list of users can still be read."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        with contextlib.suppress(KeyError):
            known = pwd.getpwnam(name)
            if known.pw_uid and known.pw_gid:
                return cls(known.pw_uid, known.pw_gid)
        number = free(random.sample(NUMBERS, len(NUMBERS)), _of_processes())
        return cls(number, number)

    def become(self) -> str | None:
        """For all threads, without a way back; a sentence where that is refused."""
        try:
            if os.getgroups():
                os.setgroups([])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        except PermissionError:
            return "a user and groups of its own (CAP_SETUID or CAP_SETGID is missing)"
        except OSError as error:
            return f"a user of its own (the kernel refuses user {self.uid}: {error.strerror})"
        return None


def free(numbers: Iterable[int], taken: Collection[int]) -> int:
    """The first that is nobody's; the last where all are somebody's."""
    number = 0
    for number in numbers:
        if number in taken:
            continue
        try:
            pwd.getpwuid(number)
        except KeyError:
            break
    return number


def _of_processes() -> set[int]:
    """Users of which a process runs."""
    found: set[int] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                status = (folder / "status").read_text()  # the folder itself is root's where memory is hidden
                found.update(map(int, status.partition("\nUid:")[2].partition("\n")[0].split()))
    return found
