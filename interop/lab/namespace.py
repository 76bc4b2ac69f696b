"""One network namespace: links, addresses, packet filter rules and commands inside it.

Links are born inside the namespaces that they join, so the machine's own namespace never sees one of them.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from interop.lab import process
from interop.lab.outcome import PATIENCE_S, Missing, Unmet
from interop.lab.process import Process, Result

if TYPE_CHECKING:
    from interop.lab.site import Site

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace called `name`. It also is a host for peers: it runs commands and keeps files."""

    python = sys.executable

    def __init__(self, name: str, site: Site) -> None:
        self.name = name
        self.site = site
        self.folder = site.folder / name

    def create(self) -> None:
        """Make the namespace and bring its loopback up."""
        self._outside("ip", "netns", "add", self.name)
        self.folder.mkdir()
        self.ip("link set lo up")

    def delete(self) -> None:
        """Remove the namespace with all that is in it."""
        if Path("/run/netns", self.name).exists():
            self._outside("ip", "netns", "del", self.name)

    def run(self, *argv: str, timeout_s: float = PATIENCE_S, check: bool = True, text: str | None = None) -> Result:
        """Run a command to its end inside; with `check` a status other than 0 is `Unmet` with what it printed."""
        result = process.run(self._inside(argv), environment=self.site.environment, timeout_s=timeout_s, text=text)
        if check and result.status != 0:
            raise Unmet(f"`{' '.join(argv)}` in {self.name} ended with {result.status}: {result.output.strip()}")
        return result

    def spawn(self, *argv: str, name: str, environment: dict[str, str] | None = None) -> Process:
        """Start a command inside that runs until it is ended."""
        return self.site.spawn(self._inside(argv), f"{self.name}/{name}", environment)

    def ip(self, *lines: str) -> None:
        """Apply `ip` commands, one a line, in one go."""
        command = ("ip", "-n", self.name, "-batch", "-")
        result = process.run(
            command, environment=self.site.environment, timeout_s=PATIENCE_S, text="\n".join(lines) + "\n"
        )
        if result.status != 0:
            raise Unmet(f"ip {'; '.join(lines)} in {self.name}: {result.output.strip()}")

    def nft(self, ruleset: str) -> None:
        """Load an nftables ruleset on top of what is there."""
        self.run("nft", "-f", "-", text=ruleset)

    def connect(self, address: str, port: int, timeout_s: float) -> socket.socket:
        """A TCP connection that starts inside; raises OSError like any connection."""
        with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", self.name).open() as there:
            _enter(there.fileno())
            try:
                return socket.create_connection((address, port), timeout_s)
            finally:
                _enter(home.fileno())

    def write_file(self, name: str, text: str, mode: int = 0o600) -> str:
        """Write a file into the namespace's folder and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode)
        path.chmod(mode)
        path.write_text(text)
        return str(path)

    def read_file(self, path: str) -> str:
        """The text of a file that a command of this host wrote; empty while it does not exist."""
        file = Path(path)
        return file.read_text(errors="replace") if file.exists() else ""

    def link(self, own: str, other: Namespace, theirs: str, mtu: int = 1500) -> None:
        """Join two namespaces by a pair of virtual interfaces, both up."""
        self.ip(
            f"link add {own} mtu {mtu} type veth peer name {theirs} netns {other.name} mtu {mtu}",
            f"link set {own} up",
        )
        other.ip(f"link set {theirs} up")

    def _inside(self, argv: tuple[str, ...]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]

    def _outside(self, *argv: str) -> None:
        result = process.run(argv, environment=self.site.environment, timeout_s=PATIENCE_S)
        if result.status != 0:
            raise Missing(f"`{' '.join(argv)}` failed: {result.output.strip()}")


def _enter(descriptor: int) -> None:
    """Move the calling thread, and no other, into a network namespace."""
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
