"""The shape that all peers share, and the host that they run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from interop.lab.process import Result
from interop.peers.tunnel import TunnelParameters


@dataclass(frozen=True)
class EspSa:
    """One established pair of ESP SAs as its owner reports it. `udp` tells ESP in UDP from protocol 50."""

    tunnel: str
    spi_in: int
    spi_out: int
    udp: bool


class Job(Protocol):
    """A command that runs on a host until it is ended."""

    def running(self) -> bool:
        """Whether it is still there."""

    def output(self) -> str:
        """All that it has printed so far."""

    def wait(self, timeout_s: float) -> Result:
        """Wait for it to end by itself; `Unmet` if it does not."""

    def end(self, *, kill: bool = False) -> None:
        """Ask it to end, then insist; with `kill` it is not asked."""


class Host(Protocol):
    """A place where commands run: a namespace of this machine or a guest with a kernel of its own.

    `python` is the path of a Python there, good enough for the standard library's basics.
    """

    name: str
    python: str

    def run(self, *argv: str, timeout_s: float = ..., check: bool = ..., text: str | None = ...) -> Result:
        """Run a command to its end."""

    def spawn(self, *argv: str, name: str, environment: dict[str, str] | None = ...) -> Job:
        """Start a command that runs until it is ended."""

    def write_file(self, name: str, text: str, mode: int = ...) -> str:
        """Write a file and return its path on the host."""

    def read_file(self, path: str) -> str:
        """The text of a file on the host, empty while it does not exist."""


class Peer(Protocol):
    """An IKE daemon on a host. Tunnels are known by the name in their parameters."""

    label: str

    def start(self) -> None:
        """Start the daemon and wait until it can be spoken to."""

    def stop(self) -> None:
        """Stop it in the manner in which its operator would."""

    def configure(self, *tunnels: TunnelParameters) -> None:
        """Make these the tunnels that it knows."""

    def initiate(self, name: str = "t", timeout_s: float = ...) -> None:
        """Bring a tunnel up; `Unmet` with what the daemon said where it cannot."""

    def terminate(self, name: str = "t") -> None:
        """Take a tunnel down, telling the other side."""

    def rekey(self, name: str = "t") -> None:
        """Replace the tunnel's ESP SAs by new ones from a new quick mode."""

    def all_sas(self) -> dict[str, tuple[EspSa, ...]]:
        """The established pairs of every tunnel that has some, by name, oldest first."""

    def sas(self, name: str = "t") -> tuple[EspSa, ...]:
        """The established pairs of one tunnel."""

    def log(self) -> str:
        """What the daemon has written down."""
