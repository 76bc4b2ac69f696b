"""The one message from a daemon in the background to the command that started it: ready, or the error that ended it.

It goes through a pipe, as a line of the control protocol; a pipe that closes without a line means that the daemon died.
"""

from __future__ import annotations

import contextlib
import os
import select
import time

from ikevpn.control import api
from ikevpn.errors import HostError


def tell(descriptor: int, reply: api.Done | api.Error) -> None:
    """Say it and close the pipe; a starter that is gone does not matter."""
    with contextlib.suppress(OSError):
        os.write(descriptor, api.write(reply))
    os.close(descriptor)


def wait(descriptor: int, timeout_s: float) -> api.Error | None:
    """Wait for the daemon: None when it is ready, else why not. Raises HostError where it says nothing in time."""
    deadline = time.monotonic() + timeout_s
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise HostError(f"the daemon was not ready within {timeout_s:.0f} s", reason="daemon-silent")
        piece = os.read(descriptor, api.LONGEST_LINE)
        if not piece:
            raise HostError(
                "the daemon ended before it was ready",
                fix="`ikevpn daemon` in a terminal shows why",
                reason="daemon-ended",
            )
        line += piece
    reply = api.read_reply(line)
    return reply if isinstance(reply, api.Error) else None
