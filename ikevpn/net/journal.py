"""What we have changed on the host, in a file that outlives us: after a crash the next start knows what to put back.

A line is added before a step is applied and another after it was undone; the file only grows while it is in use. What
was written before the last boot of the machine, or in another network namespace, means nothing and is forgotten.

A file beside it is locked while it is in use: two runs with one journal would forget each other's changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ikevpn.errors import HostError
from ikevpn.net.plan import Step, read_step

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/thread-self/ns/net")


class Journal:
    """An open journal. `found` are the steps that an earlier run applied and did not undo, in their order.

    Raises HostError where it cannot be written or another run has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.ExitStack() as undo:
                self._mine = undo.enter_context(path.with_suffix(".lock").open("w"))
                _lock(self._mine, path.parent)
                self.found = tuple(_replay(path))
                fresh = path.with_suffix(".new")
                self._file = undo.enter_context(fresh.open("w", encoding="utf-8"))
                self._write({"place": _place()})
                for step in self.found:
                    self.applying(step)
                fresh.rename(path)
                undo.pop_all()
        except OSError as error:
            raise _unwritable(path, error) from None

    def applying(self, step: Step) -> None:
        """Note that a step is about to be applied. Raises HostError; then it must not be."""
        self._write({"+": step.record()})

    def undone(self, step: Step) -> None:
        """Note that a step is undone, or was not ours to undo. Raises HostError."""
        self._write({"-": step.record()})

    def close(self) -> None:
        """Close the file; it stays, for a next run."""
        with contextlib.suppress(OSError):  # what could not be written was said before
            self._file.close()
        self._mine.close()

    def _write(self, line: dict[str, object]) -> None:
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from None


def _lock(file: TextIO, folder: Path) -> None:
    """The kernel lets go of it with the process that has it, however that ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HostError(
            f"another daemon keeps its state in {folder}",
            fix="Stop that one, or write another folder as state in the [daemon] table.",
            reason="state",
        ) from None


def _unwritable(path: Path, error: OSError) -> HostError:
    reason = (error.strerror or "unknown reason").lower()
    fix = "Write another folder as state in the [daemon] table."
    return HostError(f"{path} cannot be written: {reason}", fix=fix, reason="state")


def _replay(path: Path) -> Iterator[Step]:
    """The steps that are applied and not undone. A last line that a crash cut off is no step that was applied."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    left: dict[Step, None] = {}
    for number, line in enumerate(lines):
        try:
            entry = json.loads(line)
            if number == 0 and entry["place"] != _place():
                return
            if "+" in entry:
                left[read_step(entry["+"])] = None
            elif "-" in entry:
                left.pop(read_step(entry["-"]), None)
        except (ValueError, KeyError, TypeError, AttributeError):
            break
    yield from left


def _place() -> str:
    """This boot of this machine and this network namespace."""
    return f"{_BOOT.read_text().strip()} {_NAMESPACE.stat().st_ino}"
