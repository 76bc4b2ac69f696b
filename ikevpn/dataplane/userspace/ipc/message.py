"""What the control process says to a worker and what the worker says back, beside the events of `sa_plane`; and
what one worker says to another (`Handed`).

Commands are carried out in the order in which they were sent. `Ask`ed ones are answered, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, Policy, Sa, SaUse, Total
from ikevpn.wire.registry import Protocol


@dataclass(frozen=True, slots=True)
class UseDevice:
    """One descriptor comes with it: an open TUN device. `joins_udp`: it takes UDP packets in one piece."""

    name: str
    joins_udp: bool


@dataclass(frozen=True, slots=True)
class DropDevice:
    """Close it; answered by `Done`, after which only the control process holds the device."""

    name: str


@dataclass(frozen=True, slots=True)
class UseUdp:
    """One descriptor comes with it: a bound UDP socket. `receive`: the worker reads it too, else it only sends.

    `strangers`: what nobody vouches for comes here, and nothing is sent.
    """

    local: Endpoint
    receive: bool
    strangers: bool = False


@dataclass(frozen=True, slots=True)
class DropUdp:
    """Close a socket that was only lent; answered by `Done`, after which the port is free as far as the worker goes."""

    local: Endpoint


@dataclass(frozen=True, slots=True)
class UseRaw:
    """One descriptor comes with it: a raw socket for ESP or AH over IP of `version`."""

    version: int
    protocol: Protocol = Protocol.ESP


@dataclass(frozen=True, slots=True)
class UseInbox:
    """One descriptor comes with it: packets for this worker that others received are read from it."""


@dataclass(frozen=True, slots=True)
class UseNeighbour:
    """One descriptor comes with it: packets for that worker are written to it."""

    worker: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The inbound SA of an SPI is with another worker, to whom its packets are to be handed; None: with none."""

    spi: int
    worker: int | None


@dataclass(frozen=True, slots=True)
class Handed:
    """ESP in the order in which another worker received it, markers removed; or AH with its IP headers."""

    local: Endpoint
    remote: Endpoint
    encapsulation: Encapsulation
    protocol: Protocol
    packets: tuple[bytes, ...]
    ecn: int = 0


@dataclass(frozen=True, slots=True)
class UseProbe:
    """One descriptor comes with it: a UDP socket that asks for routes of IP of `version`, and sends nothing."""

    version: int


@dataclass(frozen=True, slots=True)
class UseRehearsal:
    """The descriptors of `rehearsal.Ends` come with it: keep the way of single packets warm with them."""


@dataclass(frozen=True, slots=True)
class AddSa:
    sa: Sa


@dataclass(frozen=True, slots=True)
class DeleteSa:
    """`reqid` tells apart outbound SAs whose SPI two peers happened to choose alike; None takes them all."""

    spi: int
    direction: Direction
    reqid: int | None


@dataclass(frozen=True, slots=True)
class MoveSas:
    spis: tuple[int, ...]
    local: Endpoint
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class AddPolicy:
    policy: Policy


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    policy: Policy


@dataclass(frozen=True, slots=True)
class SendIke:
    """An ISAKMP datagram for the NAT-T socket, still without its marker."""

    data: bytes
    local: Endpoint
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Keepalive:
    local: Endpoint
    remote: Endpoint
    interval_s: float


@dataclass(frozen=True, slots=True)
class EspDatagram:
    """ESP from the IKE port, non-IKE marker removed."""

    data: bytes
    local: Endpoint
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Query:
    """About these inbound SAs and all SAs of these tunnels, or every SA where neither is named; answered by `Uses`, as
    many as it takes.
    """

    spis: tuple[int, ...] = ()
    tunnels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """Answered by `Uses` that hold totals."""


@dataclass(frozen=True, slots=True)
class Count:
    """Answered by `Counts`."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End in peace; answered by `Done`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker's first word; `missing` is what of its confinement is not in force, each with the cause."""

    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The worker has done what it was asked."""


@dataclass(frozen=True, slots=True)
class Uses:
    uses: tuple[SaUse | Total, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class Counts:
    counts: tuple[tuple[str, int], ...]
    cpu_s: float = 0.0
    resident_bytes: int = 0


Command = (
    UseDevice | DropDevice | UseUdp | DropUdp | UseRaw | UseProbe | UseInbox | UseNeighbour | UseRehearsal | Elsewhere
    | AddSa | DeleteSa | MoveSas | AddPolicy | DeletePolicy | SendIke | Keepalive | EspDatagram
    | Query | Sum | Count | Stop
)  # fmt: skip
Answer = Ready | Done | Uses | Counts
