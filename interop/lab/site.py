"""A site: everything that one scenario makes on this machine, under one random tag, and its certain removal.

Namespaces are called `TAG-role`, files live in one folder, processes carry the tag in their environment. Leaving the
`with` block, the end of the interpreter and the signals that end a run all lead to `close`, after which `leftovers`
must find nothing.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType

from interop.lab import process
from interop.lab.namespace import Namespace
from interop.lab.outcome import Missing, interrupted
from interop.lab.process import Process

PREFIX = "iv"
_open_sites: set[Site] = set()


class Site:
    """The namespaces, processes and files of one scenario. Use it as a context manager."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise Missing("interop needs root to make network namespaces; run it with sudo")
        self.tag = PREFIX + secrets.token_hex(4)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.tag}-"))
        self.environment = {**os.environ, process.MARK: self.tag, "LC_ALL": "C.UTF-8"}
        self._namespaces: list[Namespace] = []
        self._processes: list[Process] = []
        _open_sites.add(self)

    def namespace(self, role: str) -> Namespace:
        """Make the network namespace `TAG-role`, its loopback up."""
        made = Namespace(f"{self.tag}-{role}", self)
        self._namespaces.append(made)
        made.create()
        return made

    def spawn(self, argv: list[str], name: str, environment: dict[str, str] | None = None) -> Process:
        """Start a process of this site; what it prints goes to `name.out` in the site's folder."""
        started = Process(
            argv, log_path=self.folder / f"{name}.out", environment={**self.environment, **(environment or {})}
        )
        self._processes.append(started)
        return started

    def end_processes(self) -> None:
        """End what runs, last started first, then whatever else carries the site's tag."""
        for started in reversed(self._processes):
            started.end()
        self._processes.clear()
        for number in (signal.SIGTERM, signal.SIGKILL):
            escaped = process.marked(self.tag)
            for pid in escaped:
                _signal(pid, number)
            _wait_gone(self.tag, 2.0 if escaped else 0.0)

    def close(self) -> None:
        """Remove everything; safe to call twice."""
        try:
            self.end_processes()
            for made in reversed(self._namespaces):
                made.delete()
            self._namespaces.clear()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            _open_sites.discard(self)

    def leftovers(self) -> list[str]:
        """What still carries the tag: processes, namespaces, links of the machine, files; nothing when clean."""
        found = [f"process {pid}" for pid in process.marked(self.tag)]
        places = (("namespace", Path("/run/netns")), ("link", Path("/sys/class/net")), ("file", self.folder.parent))
        for kind, place in places:
            if place.is_dir():
                found += [f"{kind} {entry.name}" for entry in place.iterdir() if entry.name.startswith(self.tag)]
        return found

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_gone(tag: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.marked(tag):
        time.sleep(0.02)


def close_all() -> None:
    """Close every site that is still open; the last resort at the end of the interpreter."""
    for site in list(_open_sites):
        site.close()


def end_on_signal() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP end the run in order: waits give up, processes end, sites close."""

    def handle(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


atexit.register(close_all)
