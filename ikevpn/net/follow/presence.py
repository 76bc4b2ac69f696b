"""Whether other daemons change this host, too: every one holds a socket by whose name the others know it.

The name is an abstract one (unix(7)): it belongs to the network namespace, like the routes, whatever folders a daemon
sees; and it goes with its process, however that ends.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

_PREFIX = "ikevpn.host."
_ALL = Path("/proc/thread-self/net/unix")


class Presence:
    """Ours, in the network namespace of the thread that makes it, until `close`."""

    def __init__(self) -> None:
        self._name = _PREFIX + secrets.token_hex(8)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{self._name}")

    def close(self) -> None:
        """Be there no more."""
        self._socket.close()

    def is_alone(self) -> bool:
        """Whether nobody else is there; not where the kernel does not tell."""
        try:
            names = [line.rpartition(" ")[2].removeprefix("@") for line in _ALL.read_text().splitlines()]
        except OSError:
            return False
        return [name for name in names if name.startswith(_PREFIX)] == [self._name]
