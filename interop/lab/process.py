"""Processes that a scenario starts: each in a session of its own, with its output in a file, ended as a whole group.

Never ends a process that it did not start.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from interop.lab.outcome import Unmet

MARK = "INTEROP_SITE"
"""Environment variable that every process of a site inherits; it makes a process that escaped its group findable."""


@dataclass(frozen=True)
class Result:
    """What a finished command left: its exit status, and standard output and standard error as one text."""

    status: int
    output: str


class Process:
    """A command that runs until it is ended; `log_path` holds what it prints."""

    def __init__(self, argv: Sequence[str], *, log_path: Path, environment: Mapping[str, str]) -> None:
        self.argv = list(argv)
        self.log_path = log_path
        with log_path.open("wb") as log:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(environment),
            )
        self.pid = self._popen.pid

    def running(self) -> bool:
        """Whether the process is still there."""
        return self._popen.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def output(self) -> str:
        """All that it has printed so far."""
        return self.log_path.read_text(errors="replace")

    def wait(self, timeout_s: float) -> Result:
        """Wait for it to end by itself; `Unmet` if it does not."""
        try:
            return Result(self._popen.wait(timeout_s), self.output())
        except subprocess.TimeoutExpired:
            raise Unmet(f"`{' '.join(self.argv)}` did not end within {timeout_s:g} s") from None

    def end(self, timeout_s: float = 5.0, *, kill: bool = False) -> None:
        """Ask the whole group to end, then insist; with `kill` it is not asked."""
        if self.running() and not kill:
            self._signal_group(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout_s)
        self._signal_group(signal.SIGKILL)
        self._popen.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def run(argv: Sequence[str], *, environment: Mapping[str, str], timeout_s: float, text: str | None = None) -> Result:
    """Run a command to its end, `text` on its standard input; its group is killed after `timeout_s` (`Unmet`)."""
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=dict(environment),
    ) as popen:
        try:
            output, _ = popen.communicate(None if text is None else text.encode(), timeout_s)
        except subprocess.TimeoutExpired:
            _kill_group(popen)
            raise Unmet(f"`{' '.join(argv)}` did not end within {timeout_s:g} s") from None
        except BaseException:
            _kill_group(popen)
            raise
    return Result(popen.returncode, output.decode(errors="replace"))


def _kill_group(popen: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def marked(tag: str) -> list[int]:
    """Process ids whose environment carries `MARK=tag`; reads /proc and touches nothing."""
    needle = f"{MARK}={tag}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
