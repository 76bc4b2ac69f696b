"""Tells systemd how we are (sd_notify): READY, RELOADING, STOPPING and a line of status. Does nothing where nobody
asked.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time


def notify(*assignments: str) -> None:
    """Send `READY=1`, `STATUS=…`; a service manager that does not listen is no reason to fail."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    target = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.sendto("\n".join(assignments).encode(), target)


def reloading() -> None:
    """A reload begins; READY ends it. The time lets systemd tell this reload from an earlier one."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
