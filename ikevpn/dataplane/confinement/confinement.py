"""What a process of ours gives up for good.

Every one of them: capabilities, new privileges, core dumps, debuggers that would see keys. The worker also its user,
the file system and nearly all system calls (`seccomp`): it keeps what it was given as descriptors, and the processor.

Uses the kernel's own numbers through prctl, capset and unshare.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from ikevpn.dataplane.confinement import seccomp
from ikevpn.dataplane.confinement.own_user import OwnUser
from ikevpn.errors import HostError

CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID, CAP_SETPCAP, CAP_SYS_CHROOT = 2, 6, 7, 8, 18

_PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 23, 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWUSER = 0x1000_0000
_CAP_LAST = Path("/proc/sys/kernel/cap_last_cap")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def confine(user: OwnUser) -> tuple[str, ...]:
    """The worker, before it is told anything: the control process opens all that needs a privilege, so nothing is kept.

    Everything that it may ever import has to be there before. Returns what is not in force, each with its cause: in
    a container some of it may be refused. Raises HostError where the kernel refuses what needs no privilege.
    """
    missing: list[str] = []
    last = _last_capability()
    hide_memory()
    with _removed_folder() as folder:
        has_root = folder is not None and _enter(folder)
        _drop_bounding(range(last + 1), missing)
        if (refused := user.become()) is not None:
            missing.append(refused)
        if not has_root and not (folder is not None and _libc().unshare(_CLONE_NEWUSER) == 0 and _enter(folder)):
            missing.append("an empty root (CAP_SYS_CHROOT is missing, and no user namespace is allowed instead)")
        elif not has_root:
            _drop_bounding(range(last + 1), missing)  # a new user namespace has brought them all back
    _keep(0)
    hide_memory()  # another user is another process to debuggers
    try:
        seccomp.install()
    except HostError as error:
        missing.append(f"a filter of system calls ({error})")
    return tuple(missing)


def hide_memory() -> None:
    """No core dumps and no attaching by others: keys stay in memory. Raises HostError."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise _refused()


def drop(kept: Collection[int]) -> None:
    """Keep only `kept` of the capabilities, for this process and all it starts from now on. Raises HostError."""
    _drop_bounding((number for number in range(_last_capability() + 1) if number not in kept), [])
    _keep(sum(1 << capability for capability in kept) & effective())


def effective() -> int:
    """The capabilities that this process has, a bit each."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _last_capability() -> int:
    return int(_CAP_LAST.read_text())


def _drop_bounding(capabilities: Collection[int] | Iterator[int], missing: list[str]) -> None:
    """Refused to a process without CAP_SETPCAP, which it also is when it was confined before."""
    libc, left = _libc(), False
    for capability in capabilities:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        left |= libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1
    if left:
        missing.append("an empty bounding set of capabilities (CAP_SETPCAP is missing)")


def _keep(mask: int) -> None:
    """No other capability, and no new privilege by a program that is started. Raises HostError."""
    libc = _libc()
    header = _Header(_CAPABILITY_VERSION_3, 0)
    data = (_Data * 2)(_Data(mask & 0xFFFF_FFFF, mask & 0xFFFF_FFFF, 0), _Data(mask >> 32, mask >> 32, 0))
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if libc.capset(ctypes.byref(header), data) != 0 or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise _refused()


@contextlib.contextmanager
def _removed_folder() -> Iterator[int | None]:
    """A descriptor of a folder that is gone already: empty, and nobody, root included, can make anything in it.

    None where this host has no place for one.
    """
    try:
        made = tempfile.mkdtemp(prefix="ikevpn-")
    except OSError:
        yield None
        return
    descriptor = os.open(made, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        Path(made).chmod(0o555)  # for a user who is not its owner
        Path(made).rmdir()
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(folder: int) -> bool:
    """Make it the root; whether that was allowed."""
    try:
        os.fchdir(folder)
        os.chroot(".")
    except PermissionError:
        return False
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _refused() -> HostError:
    return HostError(f"cannot give up privileges: {os.strerror(ctypes.get_errno())}", reason="privileges")
