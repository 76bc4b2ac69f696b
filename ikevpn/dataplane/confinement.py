"""What a process of ours gives up for good: capabilities, new privileges, core dumps and debuggers that would see keys.

Uses the kernel's own numbers through prctl and capset. The user id stays, for the interpreter has to read its own
files, and secrets readable by their owner stay readable at a reload.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Collection
from pathlib import Path

from ikevpn.errors import HostError

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_LAST = Path("/proc/sys/kernel/cap_last_cap")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def confine() -> None:
    """The worker, before it touches the first packet: the control process opens all that needs a privilege, so nothing
    is kept. Raises HostError where the kernel refuses.
    """
    hide_memory()
    drop(())


def hide_memory() -> None:
    """No core dumps and no attaching by others: keys stay in memory. Raises HostError."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise _refused()


def drop(kept: Collection[int]) -> None:
    """Keep only `kept` of the capabilities, for this process and all it starts from now on. Raises HostError."""
    libc = _libc()
    for capability in range(int(_CAP_LAST.read_text()) + 1):
        if capability not in kept:
            # Refused to a process without CAP_SETPCAP, which it also is when it was confined before.
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    mask = sum(1 << capability for capability in kept) & effective()
    header = _Header(_CAPABILITY_VERSION_3, 0)
    data = (_Data * 2)(_Data(mask & 0xFFFF_FFFF, mask & 0xFFFF_FFFF, 0), _Data(mask >> 32, mask >> 32, 0))
    if libc.capset(ctypes.byref(header), data) != 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise _refused()


def effective() -> int:
    """The capabilities that this process has, a bit each."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _refused() -> HostError:
    return HostError(f"cannot give up privileges: {os.strerror(ctypes.get_errno())}", reason="privileges")
