"""What the worker gives up before it touches the first packet: every capability, new privileges, core dumps with keys.

All that needs a privilege is opened by the control process, so nothing is kept. The user id stays, for the interpreter
has to read its own files.
"""

from __future__ import annotations

import ctypes
import os
import resource

from ikevpn.errors import HostError

_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def confine() -> None:
    """For the rest of this process's life. Raises HostError where the kernel refuses."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    nothing = (_Data * 2)()
    if libc.capset(ctypes.byref(header), nothing) != 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise HostError(f"the data plane cannot give up privileges: {os.strerror(ctypes.get_errno())}")
