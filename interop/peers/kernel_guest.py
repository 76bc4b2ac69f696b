"""The kernel guest as a host: User-Mode Linux with real kernel ESP, put in the place of a gateway's namespace.

    ┌ gateway's namespace ──────────────────────┐
    │ outer ── bridge `yard` ── tap ── guest `outer` (takes over the gateway's addresses)
    │ 169.254.77.1 ── tap ──────────── guest `manage` 169.254.77.2 (its agent runs commands)
    └───────────────────────────────────────────┘

The image is never written to: each guest has a copy-on-write file in its site's folder.
"""

from __future__ import annotations

import json
from pathlib import Path

from interop.guest import build
from interop.lab.outcome import PATIENCE_S, InteropError, Missing, Unmet, wait_until
from interop.lab.process import Result
from interop.lab.topology import Gateway

MEMORY = "256M"
FOLDER = "/tmp/interop"
_AGENT = ("169.254.77.2", 2323)


class KernelGuest:
    """One running guest in the place of `gateway`; a host like a namespace is one."""

    python = "/usr/bin/python3"

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.name = f"{gateway.host.name}-guest"
        self._carrier = gateway.host
        self._jobs = 0

    def boot(self) -> None:
        """Start the guest, wait for its agent and hand it the gateway's addresses. Needs the image to be built."""
        image = build.image()
        if not build.ready():
            raise Missing("the kernel guest has not been built; run `python -m interop.guest.build` (a minute or two)")
        prefixes = self._take_addresses()
        self._process = self._carrier.spawn(
            *self._command(image), name="guest", environment={"LD_PRELOAD": str(build.registers())}
        )
        wait_until(self._answers, f"the boot of {self.name}", 2 * PATIENCE_S)
        self._furnish(prefixes)

    def run(self, *argv: str, timeout_s: float = PATIENCE_S, check: bool = True, text: str | None = None) -> Result:
        """Run a command to its end in the guest."""
        result = self.ask(timeout_s, run=list(argv), text=text)
        if check and result.status != 0:
            raise Unmet(f"`{' '.join(argv)}` in {self.name} ended with {result.status}: {result.output.strip()}")
        return result

    def spawn(self, *argv: str, name: str, environment: dict[str, str] | None = None) -> GuestJob:
        """Start a command in the guest that runs until it is ended."""
        self._jobs += 1
        log = f"{FOLDER}/{name}-{self._jobs}.out"
        started = self.ask(spawn=list(argv), environment=environment or {}, log=log)
        return GuestJob(self, started.status, log, " ".join(argv))

    def write_file(self, name: str, text: str, mode: int = 0o600) -> str:
        """Write a file into the guest and return its path."""
        path = f"{FOLDER}/{name}"
        self.ask(write=path, text=text, mode=mode)
        return path

    def read_file(self, path: str) -> str:
        """The text of a file in the guest, empty while it does not exist."""
        return self.ask(read=path).output

    def ask(self, timeout_s: float = PATIENCE_S, **request: object) -> Result:
        """Put one request to the guest's agent (`interop.guest.agent` has the list); status -1 means `not yet`."""
        try:
            with self._carrier.connect(*_AGENT, timeout_s) as connection, connection.makefile("rw") as lines:
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
        except (OSError, ValueError) as error:
            raise InteropError(f"{self.name} does not answer: {error}") from None
        return Result(-1 if answer["status"] is None else answer["status"], answer["output"])

    def _take_addresses(self) -> list[str]:
        """Bridge the gateway's outer interface to the guest and free its addresses; returns them with their lengths."""
        gateway = self.gateway
        length = 64 if ":" in gateway.outer else 24
        self._carrier.ip(
            f"addr del {gateway.outer}/{length} dev outer",
            "link add yard type bridge",
            "link set yard up",
            "tuntap add tap mode tap vnet_hdr",
            "tuntap add manage mode tap vnet_hdr",
            "link set outer master yard",
            "link set tap master yard up",
            "addr add 169.254.77.1/30 dev manage",
            "link set manage up",
        )
        return [f"{gateway.outer}/{length}"]

    def _command(self, image: Path) -> list[str]:
        folder = self._carrier.folder
        return [
            *(build.UML, f"umid={self.name}", f"uml_dir={folder}/uml", f"mem={MEMORY}"),
            *(f"ubd0={folder}/guest.cow,{image}", "root=/dev/ubda", "rw", "init=/sbin/interop-init", "quiet"),
            *("con=null", "con0=null,fd:1", "ssl=null"),
            f"vec0:transport=tap,ifname=tap,depth=128,gro=1,mac=02:00:c0:00:02:{self.gateway.number:02x}",
            "vec1:transport=tap,ifname=manage,depth=128,mac=02:00:0a:63:00:02",
        ]

    def _furnish(self, prefixes: list[str]) -> None:
        gateway = self.gateway
        other = gateway.outer[:-1] + str(3 - gateway.number)
        script = [f"addr add {prefix} dev outer" + (" nodad" if ":" in prefix else "") for prefix in prefixes]
        script += [
            f"route add default via {other} dev outer",
            f"addr add {gateway.inner}/24 dev lo",
            f"addr add {gateway.inner6}/64 dev lo nodad",
        ]
        self.run("ip", "-batch", "-", text="\n".join(script) + "\n")

    def _answers(self) -> bool:
        if not self._process.running():
            raise InteropError(f"{self.name} died while booting: {self._process.output().strip()[-1000:]}")
        try:
            return self.ask(2.0, read="/dev/null").status == 0
        except InteropError:
            return False


class GuestJob:
    """A command that runs in a guest."""

    def __init__(self, guest: KernelGuest, pid: int, log: str, command: str) -> None:
        self._guest = guest
        self._pid = pid
        self._log = log
        self._command = command

    def running(self) -> bool:
        """Whether it is still there."""
        return self._guest.ask(poll=self._pid).status == -1

    def output(self) -> str:
        """All that it has printed so far."""
        return self._guest.read_file(self._log)

    def wait(self, timeout_s: float) -> Result:
        """Wait for it to end by itself; `Unmet` if it does not."""
        wait_until(lambda: not self.running(), f"the end of `{self._command}` in {self._guest.name}", timeout_s)
        return Result(self._guest.ask(poll=self._pid).status, self.output())

    def end(self, *, kill: bool = False) -> None:
        """Ask its whole session to end, then insist; with `kill` it is not asked."""
        self._guest.ask(15.0, end=self._pid, kill=kill)
