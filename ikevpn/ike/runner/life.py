"""What an exchange is besides its messages: what it remembers, and what follows when it is finished, refused, given up.

Every script brings a life of its own, so that nobody else has to know of what kind an exchange is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.runner import protect, unreadable
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, Hint, IkeSa, Role, State
from ikevpn.model.events.event import Fact, Reason
from ikevpn.wire.header import Header
from ikevpn.wire.registry import NotifyType

Begun = Callable[[Core, IkeSa, Header, bytes], bytes]
Finished = Callable[[Core, IkeSa, Exchange], None]
Rejected = Callable[[Core, IkeSa, Exchange, NotifyType, Hint], None]
GivenUp = Callable[[Core, IkeSa, Exchange, dict[str, Fact]], None]
Answered = Callable[[Core, IkeSa, Exchange, NotifyType], None]
Explained = Callable[[Core, IkeSa, Exchange, Header, bytes], Hint | None]
Cause = Callable[[IkeSa, Exchange, Malformed | NotAuthentic], Reason]
Due = Callable[[Core, IkeSa], Role | None]


def usual_iv(core: Core, sa: IkeSa, header: Header, data: bytes) -> bytes:
    """The IV of an exchange that the peer begins under our keys (RFC 2409, appendix B)."""
    return protect.first_iv(sa, header.message_id)


def nobody(core: Core, sa: IkeSa) -> Role | None:
    """The `due` of a script that no IKE SA has to wait for."""
    return None


def cannot_be_rejected(core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType, why: Hint) -> None:
    """For a script of one message: whatever it says is taken."""


def cannot_be_given_up(core: Core, sa: IkeSa, exchange: Exchange, facts: dict[str, Fact]) -> None:
    """For a script of one message: nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Life:
    """What a script says of its exchanges beyond their rows.

    `state` makes what one remembers. `finished`: its last message is out or taken. `rejected`: we do not go on with it,
    and tell the peer with this notify. `doubted`: the first sign that it will fail, which the peer is told.
    `given_up`: nobody answered; the facts say what, how often and for how long. `refused`: a notify under the keys of
    the IKE SA, which answers an exchange of ours (None: no notify can).

    `due`: who begins it, where an IKE SA has keys and counts as established only after such an exchange. `first_iv`:
    of one that the peer begins. `explains`: what one that comes before that tells of the phase 1 that goes wrong.
    `cause`: what it means that a message cannot be opened or does not verify.
    `at_any_stage`: one may come as soon as both have proved who they are, whatever else is yet to be done.
    `answers_by_id`: the peer may begin one under the message id of one of ours, and means an answer (FRITZ!Box).
    """

    state: Callable[[], State]
    finished: Finished
    rejected: Rejected = cannot_be_rejected
    given_up: GivenUp = cannot_be_given_up
    doubted: Answered | None = None
    refused: Answered | None = None
    phase1: bool = False
    due: Due = nobody
    first_iv: Begun = usual_iv
    explains: Explained | None = None
    cause: Cause = unreadable.cause
    at_any_stage: bool = False
    answers_by_id: bool = False
