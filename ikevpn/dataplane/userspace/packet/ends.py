"""The two ends between which packets are forwarded, as whole batches: TUN devices inside, sockets outside.

Real ends are in `tun` and `outer`, fakes in the tests. An end that cannot take a packet counts it and never raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ikevpn.dataplane.userspace.packet.marking import PLAIN, Mark
from ikevpn.dataplane.userspace.packet.run import Octets, Run
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from ikevpn.wire.registry import Protocol as IpsecProtocol


@dataclass(frozen=True, slots=True)
class Path:
    """One way through the outside. The ports count only where ESP is encapsulated; `protocol` is ESP or AH.

    It is a key in tables for every batch, and addresses are slow to hash: its hash is computed once.
    """

    local: Endpoint
    remote: Endpoint
    encapsulation: Encapsulation
    protocol: IpsecProtocol = IpsecProtocol.ESP
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.local, self.remote, self.encapsulation, self.protocol)))

    def __hash__(self) -> int:
        return self._hash


class Arrival(NamedTuple):
    """Datagrams that came the same way one after the other: UDP payloads, ESP where nothing encapsulates it, or AH with
    the IP header in front, which it covers.
    """

    path: Path
    datagrams: Sequence[bytes] | Run
    ecn: int = 0  # the congestion mark that all of them had outside


def gather(datagrams: Iterable[tuple[Path, bytes | Run, int]]) -> list[Arrival]:
    """Put together what came the same way and with the same mark in a row.

    Receivers give the identical `Path` for the same way. A run stays as it is.
    """
    arrivals: list[Arrival] = []
    run: list[bytes] = []
    previous: Path | None = None
    before = 0
    for path, datagram, ecn in datagrams:
        if isinstance(datagram, Run):
            arrivals.append(Arrival(path, datagram, ecn))
            previous = None
            continue
        if path is not previous or ecn != before:
            run = []
            arrivals.append(Arrival(path, run, ecn))
            previous, before = path, ecn
        run.append(datagram)
    return arrivals


class Receiver(Protocol):
    """A socket that the worker reads."""

    def fileno(self) -> int: ...

    def read_batch(self, limit: int) -> list[Arrival]:
        """Up to `limit` datagrams; empty where there are none."""

    def lost(self) -> int:
        """How many the kernel has dropped because they came faster than they were read."""


class DeviceEnd(Protocol):
    """The inside."""

    def write(self, device: str, packets: Sequence[Octets]) -> None:
        """Give whole IP packets, perhaps a run, to the kernel through `device`, in order."""


class OuterEnd(Protocol):
    """The outside."""

    def send(self, path: Path, datagrams: Sequence[Octets], mark: Mark = PLAIN) -> None:
        """Send each datagram along `path`, in order. Markers of RFC 3948 are the caller's business."""

    def send_one(self, path: Path, datagram: Octets, mark: Mark) -> None:
        """Send ESP that comes alone; AH, which may have to be cut, goes through `send`."""

    def mtu(self, path: Path) -> int:
        """What the route of `path` takes, in octets."""
