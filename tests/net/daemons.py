"""Two namespaces joined by a cable, and `ikevpn` in them as a user runs it.

        192.0.2.1, 2001:db8::1                    192.0.2.2, 2001:db8::2
    left ────────────────────── cable ────────────────────── right
    10.1.1.1 on lo                                  10.2.2.1 on lo

Each side's default route leads to the other, so that what should be protected and is not would arrive in clear.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ikevpn.control import api, client
from ikevpn.errors import HostError
from tests.conftest import REPOSITORY
from tests.net import pings

PATIENCE_S = 90.0
SECRET = "a secret for tests, long enough"


@dataclass
class Ended:
    """A command that ran to its end."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, one object or the last of several."""
        return json.loads(self.out.splitlines()[-1])


class Side:
    """One namespace with one configuration."""

    def __init__(self, namespace: str, number: int, folder: Path) -> None:
        self.namespace, self.number, self.folder = namespace, number, folder
        self.outer, self.inner = f"192.0.2.{number}", f"10.{number}.{number}.1"
        self.config, self.socket = folder / "ikevpn.toml", folder / "sock"
        self.when_stopped = "pass"  # so that the next test finds nothing of this one

    def write(self, name: str, psk: str = SECRET, **keys: object) -> None:
        """The configuration: one tunnel to the other side, with whatever `keys` say differently (None: without)."""
        other = 3 - self.number
        table: dict[str, object] = {
            "remote": f"192.0.2.{other}",
            "secret": {"file": "psk"},
            "local_networks": [f"10.{self.number}.{self.number}.0/24"],
            "remote_networks": [f"10.{other}.{other}.0/24"],
            **keys,
        }
        daemon = {"socket": str(self.socket), "state": str(self.folder / "state"), "when_stopped": self.when_stopped}
        lines = ["[daemon]", *_lines(daemon), f"[tunnel.{name}]", *_lines(table)]
        self.config.write_text("\n".join(lines) + "\n")
        (self.folder / "psk").write_text(psk)
        (self.folder / "psk").chmod(0o600)

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, sys.executable, "-m", "ikevpn", *self._places(), *words]

    def _places(self) -> list[str]:
        return ["--config", str(self.config), "--socket", str(self.socket)]

    def run(self, *argv: str) -> Ended:
        """A command inside, to its end."""
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        words = ["ip", "netns", "exec", self.namespace, *argv]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                out, err = process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                err += f"\n`{' '.join(argv)}` did not end within 90 s"
        return Ended(process.returncode, out, err)

    def ikevpn(self, *words: str) -> Ended:
        """`ikevpn WORDS` inside."""
        return self.run(*self.command(*words)[4:])

    def tunnel(self) -> dict[str, Any]:
        """The only tunnel as `status --json` shows it."""
        (found,) = self.status().tunnels
        answer: dict[str, Any] = msgspec.to_builtins(found)
        return answer

    def status(self) -> api.StatusAnswer:
        """What the daemon answers to `ikevpn status`. Raises HostError where there is none."""
        answer = client.answer(self.socket, api.Status())
        assert isinstance(answer, api.StatusAnswer)
        return answer

    def answers(self) -> bool:
        """Whether there is a daemon."""
        try:
            return bool(self.status())
        except HostError:
            return False

    def pings(self, target: str, count: int = 3) -> int:
        """How many of `count` pings from our inner address are answered."""
        words = pings.words(count, 0.1) if count > 1 else pings.one()
        printed = self.run(*words, "-I", self.inner, target).out
        return count - len(pings.lost(printed, count))

    def routes(self) -> list[str]:
        """Routes of ours, by their protocol number, without the table and what `ip` says of devices that are down."""
        lines = self.run("ip", "route", "show", "table", "all", "proto", "50").out.splitlines()
        return [" ".join(line.replace("table 5050", "").split()) for line in lines]

    def rules(self) -> list[str]:
        """Rules of ours."""
        found = (self.run("ip", family, "rule", "show").out.splitlines() for family in ("-4", "-6"))
        return [line for lines in found for line in lines if "proto 50" in line]

    def devices(self) -> set[str]:
        return {link["ifname"] for link in json.loads(self.run("ip", "-j", "link").out)}

    @contextlib.contextmanager
    def daemon(self, *words: str, under: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """A daemon in the foreground, from the moment it answers; at the end it must have ended well. `under` comes
        before its command.
        """
        log, command = (self.folder / "log").open("w+"), self.command("daemon", *words)
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        process = subprocess.Popen(
            [*command[:4], *under, *command[4:]], stdout=log, stderr=subprocess.STDOUT, text=True, env=environment
        )
        try:
            until(lambda: process.poll() is not None or self.answers(), "the start of the daemon")
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)
            log.close()

    def log(self) -> str:
        """What the daemon of `daemon` printed."""
        return (self.folder / "log").read_text()

    def tables(self) -> list[str]:
        """Tables of nftables."""
        return self.run("nft", "list", "tables").out.splitlines()

    def clean(self) -> bool:
        """Whether nothing of ours is left."""
        return (
            not self.routes()
            and not self.rules()
            and not self.tables()
            and self.devices() == {"lo", "cable"}
            and not self.socket.exists()
        )


def launcher_of(daemon: int) -> int:
    """The process that starts the workers of a daemon."""
    return _child(daemon, "ikevpn.dataplane.userspace.control.launcher")


def worker_of(daemon: int) -> int:
    """The only worker of a daemon, 0 where it has none at the moment."""
    return _child(launcher_of(daemon), "ikevpn.dataplane.userspace.worker.worker")


def statuses(process: int) -> list[dict[str, str]]:
    """What the kernel says of each thread of a process."""
    texts = [Path(task, "status").read_text() for task in Path(f"/proc/{process}/task").iterdir()]
    return [{key: value.strip() for key, _, value in (line.partition(":") for line in t.splitlines())} for t in texts]


def _child(process: int, module: str) -> int:
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            if module in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                return int(child)
    return 0


def _lines(table: Mapping[str, object]) -> list[str]:
    return [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def until(holds: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until `holds`; fails the test after `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {patience_s} s"
        time.sleep(0.05)


@contextlib.contextmanager
def two_sides(folder: Path) -> Iterator[tuple[Side, Side]]:
    """Both namespaces, gone afterwards."""
    sides = [Side(f"ikevpn-sv{os.getpid()}-{number}", number, folder / str(number)) for number in (1, 2)]
    try:
        for side in sides:
            side.folder.mkdir()
            _ip("netns", "add", side.namespace)
            _ip("-n", side.namespace, "link", "set", "lo", "up")
        left, right = sides
        _ip(
            "-n",
            left.namespace,
            "link",
            "add",
            "cable",
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            right.namespace,
        )
        for side in sides:
            _ip("-n", side.namespace, "addr", "add", f"{side.outer}/24", "dev", "cable")
            _ip("-n", side.namespace, "addr", "add", f"2001:db8::{side.number}/64", "dev", "cable", "nodad")
            _ip("-n", side.namespace, "addr", "add", f"{side.inner}/24", "dev", "lo")
            _ip("-n", side.namespace, "link", "set", "cable", "up")
        for side in sides:
            _ip("-n", side.namespace, "route", "add", "default", "via", f"192.0.2.{3 - side.number}")
        yield left, right
    finally:
        for side in sides:
            subprocess.run(["ip", "netns", "del", side.namespace], check=False, capture_output=True)


def _ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, capture_output=True, text=True)
