"""What we have changed on the host, in a file that outlives us: after a crash the next start knows what to put back.

A line is added before a step is applied and another after it was undone. Where most lines say nothing any more, the
file is written anew and moved into its place: it lies in memory, and tunnels that come and go would fill that. What was
written before the last boot of the machine, or in another network namespace, means nothing and is forgotten.

A file beside it is locked while it is in use: two runs with one journal would forget each other's changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ikevpn.errors import HostError
from ikevpn.net.plan import private
from ikevpn.net.plan.steps import Step, read_step

SHORT = 1000
"""A file of so many lines is never too long."""
LONG_WINDED = 4
"""How many lines it may have for every step that is in force."""
IN_USE = "state-in-use"
"""The reason of the error where another run has the journal."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/thread-self/ns/net")


class Journal:
    """An open journal. `found` are the steps that an earlier run applied and did not undo, in their order; `is_new`
    where no journal of an earlier run says anything of this place.

    Raises HostError where it cannot be written or another run has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            private.make_folder(path.parent)
            with contextlib.ExitStack() as undo:
                self._mine = undo.enter_context(_open(path.with_suffix(".lock"), os.O_WRONLY))
                _lock(self._mine, path.parent)
                lines = _lines(path)
                self.is_new = not lines
                self.found = tuple(_replay(lines))
                self._left = dict.fromkeys(self.found)
                self._file = undo.enter_context(self._write_anew())
                undo.pop_all()
        except OSError as error:
            raise _unwritable(path, error) from None

    def applying(self, step: Step) -> None:
        """Note that a step is about to be applied. Raises HostError; then it must not be."""
        self._write({"+": step.record()})
        self._left[step] = None

    def undone(self, step: Step) -> None:
        """Note that a step is undone, or was not ours to undo. Raises HostError."""
        self._write({"-": step.record()})
        self._left.pop(step, None)
        if self._lines > SHORT and self._lines > LONG_WINDED * len(self._left):
            self._shorten()

    def close(self) -> None:
        """Close the file; it stays, for a next run."""
        with contextlib.suppress(OSError):  # what could not be written was said before
            self._file.close()
        self._mine.close()

    def _shorten(self) -> None:
        """Where there is no room for a second file, the long one goes on."""
        try:
            fresh = self._write_anew()
        except OSError:
            self._lines = 0  # not again at once
            return
        self._file.close()
        self._file = fresh

    def _write_anew(self) -> TextIO:
        """The file with nothing but what counts, in its place."""
        fresh = self.path.with_suffix(".new")
        lines = [{"place": _place()}, *({"+": step.record()} for step in self._left)]
        with contextlib.ExitStack() as undo:
            file = undo.enter_context(_open(fresh, os.O_WRONLY | os.O_TRUNC))
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            fresh.rename(self.path)
            undo.pop_all()
        self._lines = len(lines)
        return file

    def _write(self, line: dict[str, object]) -> None:
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self._lines += 1


def _open(path: Path, flags: int) -> TextIO:
    return os.fdopen(private.open_file(path, flags), "w", encoding="utf-8")


def _lock(file: TextIO, folder: Path) -> None:
    """The kernel lets go of it with the process that has it, however that ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HostError(
            f"another daemon keeps its state in {folder}",
            fix="Stop that one, or write another folder as state in the [daemon] table.",
            reason=IN_USE,
        ) from None


def _unwritable(path: Path, error: OSError) -> HostError:
    reason = (error.strerror or "unknown reason").lower()
    fix = "Write another folder as state in the [daemon] table."
    return HostError(f"{path} cannot be written: {reason}", fix=fix, reason="state")


def _lines(path: Path) -> list[str]:
    """What was written in this place; nothing where there is no such file. Raises HostError where it is not ours."""
    try:
        with os.fdopen(private.open_file(path, os.O_RDWR), encoding="utf-8") as file:
            lines = file.read().splitlines()
        return lines if json.loads(lines[0])["place"] == _place() else []
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _replay(lines: list[str]) -> Iterator[Step]:
    """The steps that are applied and not undone. A last line that a crash cut off is no step that was applied."""
    left: dict[Step, None] = {}
    for line in lines:
        try:
            entry = json.loads(line)
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
