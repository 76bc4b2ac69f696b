"""Runs in the guest: does what the scenario asks over the management link. Stands alone with the standard library.

A connection carries one request, a line of JSON, and its answer, another:

    {"run": [argv], "text": str|null}                  -> {"status": int, "output": str}
    {"spawn": [argv], "environment": {}, "log": path}  -> {"status": pid, "output": ""}
    {"poll": pid}                                      -> {"status": exit status, or null while it runs, "output": ""}
    {"end": pid, "kill": bool}                         -> {"status": exit status, "output": ""}
    {"write": path, "text": str, "mode": int}          -> {"status": 0, "output": ""}
    {"read": path}                                     -> {"status": 0, "output": str}
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

ADDRESS = ("169.254.77.2", 2323)
Answer = tuple[int | None, str]
started: dict[int, subprocess.Popen[bytes]] = {}


def run(run: list[str], text: str | None = None) -> Answer:
    """Run a command to its end."""
    done = subprocess.run(
        run, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    return done.returncode, done.stdout


def spawn(spawn: list[str], environment: dict[str, str], log: str) -> Answer:
    """Start a command in a session of its own."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with Path(log).open("wb") as output:
        popen = subprocess.Popen(
            spawn,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    started[popen.pid] = popen
    return popen.pid, ""


def poll(poll: int) -> Answer:
    """Has it ended?"""
    return started[poll].poll(), ""


def end(end: int, kill: bool) -> Answer:
    """End a whole session, gently and then not; with `kill` not gently."""
    for number in (signal.SIGKILL,) if kill else (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(end, number)
            started[end].wait(5)
    return started[end].wait(), ""


def write(write: str, text: str, mode: int) -> Answer:
    """Write a file and the folders that it needs."""
    path = Path(write)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text)
    return 0, ""


def read(read: str) -> Answer:
    """The text of a file, nothing while it does not exist."""
    path = Path(read)
    return 0, path.read_text(errors="replace") if path.exists() else ""


VERBS: dict[str, Callable[..., Answer]] = {
    "run": run,
    "spawn": spawn,
    "poll": poll,
    "end": end,
    "write": write,
    "read": read,
}


def answer(connection: socket.socket) -> None:
    """Serve one connection."""
    with connection, connection.makefile("rw") as lines:
        request: dict[str, Any] = json.loads(lines.readline())
        try:
            status, output = VERBS[next(iter(request))](**request)
        except OSError as error:
            status, output = 127, str(error)
        lines.write(json.dumps({"status": status, "output": output}) + "\n")


def main() -> None:
    """Serve for ever."""
    with socket.create_server(ADDRESS) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
