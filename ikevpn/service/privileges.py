"""What the process may do: checks it at the start, and gives up what is not needed once everything stands.

Uses the kernel's own numbers through prctl and capset; changes no user id, so that secrets readable by their owner stay
readable at a reload.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

from ikevpn.errors import HostError

CAP_DAC_READ_SEARCH = 2
CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
KEPT = (CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW)
"""Configuration and secrets at a reload, wherever they are; port 500 on new addresses; devices and routes; raw ESP and
captures.
"""

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 4, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_LAST = Path("/proc/sys/kernel/cap_last_cap")


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def require() -> None:
    """Raises HostError unless we may change the network and there is a TUN driver."""
    effective = _effective()
    if not all(effective >> capability & 1 for capability in (CAP_NET_ADMIN, CAP_NET_RAW)):
        raise HostError(
            "not root: devices, routes and ESP need it",
            fix="run it with sudo, or give the process CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE",
            reason="not-root",
        )


def hide_memory() -> None:
    """No core dumps and no attaching by others: keys stay in memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def drop(kept: tuple[int, ...] = KEPT) -> None:
    """Keep only `kept` of the capabilities, for this process and all it starts from now on. Raises HostError."""
    libc = _libc()
    for capability in range(int(_CAP_LAST.read_text()) + 1):
        if capability not in kept:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    mask = sum(1 << capability for capability in kept) & _effective()
    header = _Header(_CAPABILITY_VERSION_3, 0)
    data = (_Data * 2)(_Data(mask, mask, 0), _Data(0, 0, 0))
    if libc.capset(ctypes.byref(header), data) != 0:
        raise HostError(f"cannot give up privileges: {os.strerror(ctypes.get_errno())}", reason="privileges")
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _effective() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
