"""What the engine asks the world to do. `service.perform` is the only place where these become acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

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
class PeerAuthenticated:
    """A peer of the tunnel has proved who it is: SAs follow at once."""

    tunnel: str


@dataclass(frozen=True, slots=True)
class Phase1Up:
    """An IKE SA with a peer of the tunnel is established, the first one or one in place of an older one."""

    tunnel: str


@dataclass(frozen=True, slots=True)
class Phase1Down:
    """The last IKE SA with a peer of the tunnel is gone. `replaced`: another one takes its place."""

    tunnel: str
    replaced: bool
    event: Event


@dataclass(frozen=True, slots=True)
class ChildUp:
    """Traffic of a child leaves through a new pair of SAs."""

    tunnel: str
    child: str
    reqid: int


@dataclass(frozen=True, slots=True)
class ChildDown:
    """A child has no pair of SAs any more."""

    tunnel: str
    child: str
    reqid: int


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A negotiation of ours has failed: that of one child, or phase 1, and so all (`child` is empty)."""

    tunnel: str
    child: str
    event: Event


@dataclass(frozen=True, slots=True)
class PeerLost:
    """Dead peer detection has had no answer, and everything with that peer is gone."""

    tunnel: str


StateChange = PeerAuthenticated | Phase1Up | Phase1Down | ChildUp | ChildDown | AttemptFailed | PeerLost
"""What became of a tunnel, for whoever decides what is done next. An `event` in it is only passed on to people."""
STATE_CHANGES: tuple[type[StateChange], ...] = get_args(StateChange)


@dataclass(frozen=True, slots=True)
class Report:
    """Tell people what happened. Nothing is decided by it."""

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


Effect = Send | AddSa | DeleteSa | MoveSas | QuerySa | Keepalive | LookUp | Report | StateChange | ExportKeys | Ask
