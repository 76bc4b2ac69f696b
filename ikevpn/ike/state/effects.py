"""What the engine asks the world to do. `service.perform` is the only place where these become acts."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.ike.values.question import Question, Ticket
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Event
from ikevpn.model.sa import Direction, Sa


@dataclass(frozen=True, slots=True)
class Send:
    """One ISAKMP datagram. `natt`: through the NAT-T socket, behind the non-ESP marker that the performer adds."""

    data: bytes
    local: Endpoint
    remote: Endpoint
    natt: bool = False


@dataclass(frozen=True, slots=True)
class AddSa:
    """Install one direction. For a new pair the inbound one comes first.

    `answering`: what is sent next is our answer to a quick mode of the peer, which may send on this SA once it has it.
    """

    sa: Sa
    answering: bool = False


@dataclass(frozen=True, slots=True)
class DeleteSa:
    """Remove one direction; `reqid` and `tunnel` tell the binding whether it was the last."""

    spi: int
    direction: Direction
    reqid: int
    tunnel: str


@dataclass(frozen=True, slots=True)
class MoveSas:
    """The peer's address or port changed, as IKE has authenticated: these outbound SAs follow (XFRM's migrate)."""

    spis: tuple[int, ...]
    local: Endpoint
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class QuerySa:
    """Asks the data plane for the use of inbound SAs; the answers come back as `Engine.sa_used`, one for each."""

    spis: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Keep the NAT mapping from `local` to `remote` open with one octet every `interval_s`; 0 stops."""

    local: Endpoint
    remote: Endpoint
    interval_s: float


@dataclass(frozen=True, slots=True)
class LookUp:
    """Somebody calls from where no tunnel has its peer: one that is known by name may be there now."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tell whoever listens what happened."""

    event: Event


@dataclass(frozen=True, slots=True)
class ExportKeys:
    """Key material for a capture; performed only where the user asked for one."""

    cky_i: bytes
    encryption_key: bytes

    def __repr__(self) -> str:
        return f"ExportKeys({self.cky_i.hex()}, <secret>)"


@dataclass(frozen=True, slots=True)
class Ask:
    """An exchange waits for an answer, which comes back as `Engine.answer`; after `deadline` nobody needs it."""

    ticket: Ticket
    question: Question
    deadline: float


Effect = Send | AddSa | DeleteSa | MoveSas | QuerySa | Keepalive | LookUp | Report | ExportKeys | Ask
