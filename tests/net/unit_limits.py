"""Runs a command under what the systemd unit takes away: capabilities, system calls, memory to execute, privileges.

`python -m tests.net.unit_limits PROGRAM ARGUMENT…`. What concerns files is systemd's own and is not repeated here.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

import ikevpn.service
from ikevpn.dataplane.confinement import confinement, seccomp
from ikevpn.dataplane.confinement.seccomp import Call

UNIT = Path(ikevpn.service.__path__[0], "ikevpn.service")
_PR_SET_MDWE = 65
_CAPABILITIES = {
    "CAP_DAC_READ_SEARCH": 2, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_SETPCAP": 8, "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_CHROOT": 18,
}  # fmt: skip


def values(key: str) -> list[str]:
    """What each line of a key says."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text().replace("\\\n", ""), re.MULTILINE)


def members(name: str) -> set[str]:
    """The system calls of a set of systemd's, or a single one."""
    if not name.startswith("@"):
        return {name}
    words = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    return {
        call for line in lines if not line.strip().startswith("#") for call in members(line.strip()) if line.strip()
    }


def allowed() -> set[str]:
    """In the order of the lines: the first is a list of what is allowed, later ones add to it or take from it."""
    found = members("@default")
    for line in values("SystemCallFilter"):
        each = {call for name in line.removeprefix("~").split() for call in members(name)}
        found = found - each if line.startswith("~") else found | each
    return found


def numbers() -> dict[str, int]:
    """Of this machine, as its C library's headers have them."""
    (header,) = [path for path in Path("/usr/include").rglob("asm/unistd_64.h")]
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}


def main(command: list[str]) -> None:
    """Never returns."""
    known = numbers()
    calls = [Call(name, known[name], None, "the unit allows it") for name in sorted(allowed()) if name in known]
    (capabilities,) = values("CapabilityBoundingSet")
    confinement.drop([_CAPABILITIES[name] for name in capabilities.split()])
    if values("MemoryDenyWriteExecute") == ["yes"] and ctypes.CDLL(None).prctl(_PR_SET_MDWE, 1, 0, 0, 0):
        print("this kernel cannot deny memory to execute", file=sys.stderr)
    os.umask(int(values("UMask")[0], 8))
    seccomp.install(calls)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
