"""A network namespace for one test, and `ip -json` as the judge of what is in it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Place:
    """The calling thread, and all threads that it makes from here on, live in the namespace `name`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ip(self, line: str) -> None:
        """Run `ip` with the words of `line`."""
        subprocess.run(["ip", "-n", self.name, *line.split()], check=True, capture_output=True)

    def see(self, line: str) -> list[dict[str, Any]]:
        """What `ip -json` says."""
        done = subprocess.run(["ip", "-n", self.name, "-json", *line.split()], check=True, capture_output=True)
        return json.loads(done.stdout or b"[]") or []

    def routes(self, family: str = "-4") -> list[str]:
        """The routes of the main table that are no kernel's, in short: `10.2.2.0/24 tun0 100`."""
        return [
            " ".join(str(each[key]) for key in ("type", "dst", "gateway", "dev", "metric") if key in each)
            for each in self.see(f"{family} route show table main")
            if each.get("protocol") != "kernel"
        ]

    def addresses(self, device: str) -> list[str]:
        """The addresses of a device that somebody gave to it."""
        (link,) = self.see(f"address show dev {device}")
        return [f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"] if each["scope"] != "link"]


@contextlib.contextmanager
def new_place() -> Iterator[Place]:
    """Make a namespace, enter it, leave and remove it."""
    name = f"ivnet{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", name).open() as there:
            _enter(there.fileno())
            try:
                yield Place(name)
            finally:
                _enter(home.fileno())
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
