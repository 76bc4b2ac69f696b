"""What the kernel refuses, as errors in words."""

from __future__ import annotations

import errno
import os

from pyroute2.netlink.exceptions import NetlinkError

from ikevpn.errors import HostError


def no_device(device: str) -> HostError:
    """For a name that no device has."""
    return HostError(f"there is no network device {device}", reason="no-device")


def number(error: NetlinkError | OSError) -> int:
    """The number of what the kernel said (errno)."""
    return (error.code if isinstance(error, NetlinkError) else error.errno) or 0


def refused(what: str, error: NetlinkError | OSError) -> HostError:
    """What the kernel has refused, in words."""
    code = number(error)
    fix = "Run it as root." if code in (errno.EPERM, errno.EACCES) else ""
    return HostError(f"{what} failed: {words(code)}", fix=fix, reason="netlink")


def words(number: int | None) -> str:
    """A number of errno in words."""
    return os.strerror(number or 0).lower()
