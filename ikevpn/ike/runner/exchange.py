"""The runner: takes the rows of a script one after the other, whoever we are in it (RFC 2408 §4, RFC 2409 §5).

Here, once for all exchanges, are duplicates, retransmission, IV chains and the rule that nothing unauthenticated moves
an SA: a datagram is opened, checked and verified first; only then does anything change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ikevpn.errors import Malformed, NotAuthentic, Refused, Undecipherable
from ikevpn.ike.runner import protect, retransmission, unreadable
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.runner.script import Protection, Row, named, script_of
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import Ask, MoveSas
from ikevpn.ike.state.sa import (
    Asked,
    Exchange,
    Hint,
    IkeSa,
    IkeState,
    Keys,
    Lacking,
    Pending,
    Place,
    Role,
    Waiting,
)
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.values.arrival import Arrival
from ikevpn.ike.values.question import Answer, Question, Ticket
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload, Notify, Payload, Unknown, VendorId
from ikevpn.wire.registry import NotifyType

_TOLERATED = (VendorId, Notify, Unknown)


class Rejected(Refused):
    """We cannot go on with this peer; says why in the words of events."""

    def __init__(self, sentence: str, notify: NotifyType, why: Reason, facts: Mapping[str, Fact] | None = None) -> None:
        super().__init__(sentence, notify=notify, reason=why)
        self.why = why
        self.facts: dict[str, Fact] = dict(facts or {})
        self.iv = b""  # of what follows the message that is refused, where that opened with our keys


class Outcome(StrEnum):
    IGNORED = "ignored"
    WAITING = "waiting"  # for an answer; nothing has changed
    DOUBTED = "doubted"  # the first sign that the peer has another secret, or proves itself in another way
    ADVANCED = "advanced"
    FINISHED = "finished"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a datagram; `rejection` belongs to REJECTED and DOUBTED."""

    outcome: Outcome
    rejection: Rejected | None = None


_IGNORED = Result(Outcome.IGNORED)


@dataclass(frozen=True, slots=True)
class _Opened:
    chain: Chain
    iv: bytes
    keys: Keys | Waiting | None


def begin(core: Core, sa: IkeSa, exchange: Exchange) -> Result:
    """Start an exchange of ours: send its first row."""
    sa.exchanges[exchange.message_id] = exchange
    return _advance(core, sa, exchange)


def receive(core: Core, sa: IkeSa, exchange: Exchange, arrival: Arrival) -> Result:
    """Take one datagram into an exchange. Whatever is wrong with it is counted, reported and leaves no trace."""
    if repeat(core, sa, exchange, arrival):
        return _IGNORED
    if exchange.pending is not None:
        label = arrival.header.exchange.label
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message=f"{label} while another message is being checked")
        return _IGNORED
    if exchange.done or (row := script_of(exchange).rows[exchange.row]).sender is exchange.role:
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message=f"{arrival.header.exchange.label} after the exchange was done")
        return _IGNORED
    try:
        opened = _open(core, sa, exchange, row, arrival)
    except (Malformed, NotAuthentic) as error:
        return _doubt(core, sa, exchange, row, error)
    except Rejected as error:
        return _refused(core, sa, exchange, row, error)
    return _accept(core, sa, exchange, row, arrival, opened)


def _accept(core: Core, sa: IkeSa, exchange: Exchange, row: Row, arrival: Arrival, opened: _Opened) -> Result:
    if not isinstance(opened.keys, Waiting):
        return _commit(core, sa, exchange, row, arrival, opened)
    ticket = _ask(core, sa, exchange, opened.keys.question, opened.keys.seconds)
    exchange.pending = Pending(ticket, arrival, _digest(arrival), opened.chain, opened.iv, opened.keys)
    core.timers.cancel(Timer(TimerKind.RETRANSMIT, sa.serial, exchange.message_id))  # the peer has answered
    return Result(Outcome.WAITING)


def _ask(core: Core, sa: IkeSa, exchange: Exchange, question: Question, seconds: float) -> Ticket:
    ticket, deadline = Ticket(sa.serial, exchange.message_id, core.serial()), core.now + seconds
    core.timers.set(Timer(TimerKind.ANSWER, sa.serial, exchange.message_id), deadline)
    core.emit(Ask(ticket, question, deadline))
    return ticket


def resume(core: Core, sa: IkeSa, exchange: Exchange, pending: Pending, answer: Answer) -> Result:
    """Go on with a message that has waited for this answer. Where that is not good enough, the message leaves no trace
    but that it is not asked about again.
    """
    exchange.pending = None
    core.timers.cancel(Timer(TimerKind.ANSWER, sa.serial, exchange.message_id))
    row = script_of(exchange).rows[exchange.row]
    try:
        opened = _Opened(pending.chain, pending.iv, _answered(pending.waiting, answer))
    except (Malformed, NotAuthentic) as error:
        result = _doubt(core, sa, exchange, row, error)
    except Rejected as error:
        error.iv = pending.iv
        result = _refused(core, sa, exchange, row, error)
    else:
        return _accept(core, sa, exchange, row, pending.arrival, opened)
    exchange.answered[pending.digest] = exchange.row
    if exchange.flight and retransmission.retransmits(exchange) and result.outcome is not Outcome.REJECTED:
        retransmission.arm(core, sa, exchange)
    return result


def _answered(waiting: Waiting, answer: Answer) -> Keys | Waiting | None:
    if answer.trouble:
        facts: dict[str, Fact] = {"detail": answer.trouble}
        raise Rejected(answer.trouble, NotifyType.AUTHENTICATION_FAILED, Reason.UNANSWERED, facts)
    return waiting.then(answer)


def supply(core: Core, sa: IkeSa, exchange: Exchange, asked: Asked, answer: Answer) -> Result:
    """Go on with a message of ours for which something was lacking."""
    exchange.asked = None
    core.timers.cancel(Timer(TimerKind.ANSWER, sa.serial, exchange.message_id))
    if answer.trouble:
        facts: dict[str, Fact] = {"detail": answer.trouble}
        error = Rejected(answer.trouble, NotifyType.AUTHENTICATION_FAILED, asked.lacking.reason, facts)
        return Result(Outcome.REJECTED, error)
    asked.lacking.note(answer)
    return _advance(core, sa, exchange)


def repeat(core: Core, sa: IkeSa, exchange: Exchange, arrival: Arrival) -> bool:
    """Answer a datagram that was taken before as it was answered then. False where this one was not."""
    digest = _digest(arrival)
    if exchange.pending is not None and exchange.pending.digest == digest:
        core.counters[f"drop-{Reason.DUPLICATE}"] += 1
        return True
    if digest not in exchange.answered:
        return False
    retransmission.answer_duplicate(core, sa, exchange, digest)
    return True


def _digest(arrival: Arrival) -> bytes:
    return hashlib.sha256(arrival.data).digest()


def _commit(core: Core, sa: IkeSa, exchange: Exchange, row: Row, arrival: Arrival, opened: _Opened) -> Result:
    assert not isinstance(opened.keys, Waiting)
    sa.keys, exchange.iv = opened.keys, opened.iv
    if row.authenticates:
        heard(core, sa, exchange, arrival)
    flight, digest = exchange.flight, _digest(arrival)
    try:
        row.take(core, sa, exchange, opened.chain)
    except (Malformed, Rejected) as error:
        if row.authenticates:
            exchange.answered[digest] = exchange.row  # the refusal that follows is our answer
        return _rejected(core, sa, exchange, row, error, proved=row.authenticates)
    core.timers.cancel(Timer(TimerKind.RETRANSMIT, sa.serial, exchange.message_id))
    exchange.answered[digest] = exchange.row
    exchange.row += 1
    exchange.tries = exchange.tries_allowed = exchange.resent = 0
    if exchange.flight is flight:  # what we said before is answered; `take` may have said something new
        exchange.flight = b""
    sa.hint = None
    sa.icmp.clear()
    return _advance(core, sa, exchange)


def _advance(core: Core, sa: IkeSa, exchange: Exchange) -> Result:
    """Send what is ours to send, as far as the script goes."""
    rows = script_of(exchange).rows
    while not exchange.done and rows[exchange.row].sender is exchange.role:
        row = rows[exchange.row]
        try:
            payloads = row.build(core, sa, exchange)
        except Rejected as error:
            return Result(Outcome.REJECTED, error)
        if isinstance(payloads, Lacking):
            ticket = _ask(core, sa, exchange, payloads.question, payloads.seconds)
            exchange.asked = Asked(ticket, payloads)
            return Result(Outcome.ADVANCED)
        exchange.flight = _write(sa, exchange, row, payloads)
        exchange.row += 1
        core.send(sa, exchange.flight, exchange.place)
    if exchange.done:
        core.timers.set(Timer(TimerKind.FORGET, sa.serial, exchange.message_id), core.now + core.settings.linger_s)
        return Result(Outcome.FINISHED)
    if retransmission.retransmits(exchange):
        retransmission.arm(core, sa, exchange)
    return Result(Outcome.ADVANCED)


def _write(sa: IkeSa, exchange: Exchange, row: Row, payloads: list[Payload]) -> bytes:
    kind, message_id = exchange.script.kind, exchange.message_id
    if row.protection is Protection.CLEAR:
        return protect.clear(sa, kind, message_id, payloads)
    if row.hash is not HashKind.NONE:
        payloads = protect.with_hash(sa, row.hash, message_id, exchange.state.nonces, payloads)
    assert sa.keys is not None
    datagram, exchange.iv = protect.encrypt(sa, kind, message_id, exchange.iv or sa.keys.first_iv, payloads)
    return datagram


# Opening


def _open(core: Core, sa: IkeSa, exchange: Exchange, row: Row, arrival: Arrival) -> _Opened:
    """Decrypt, parse, check and verify with the first keys that fit; changes nothing."""
    if not arrival.header.encrypted:
        if row.protection is Protection.ENCRYPTED:
            raise NotAuthentic(f"{row.name} came unencrypted", reason="in-the-clear")
        chain = arrival.chain
        if chain is None:
            chain = message.read_chain(arrival.header.next_payload, arrival.data[HEADER_SIZE:], origin=HEADER_SIZE)
        return _verified(core, sa, exchange, row, chain, exchange.iv, sa.keys)
    if row.protection is Protection.CLEAR:
        raise NotAuthentic(f"{row.name} came encrypted", reason="encrypted")
    failure: Malformed | NotAuthentic = NotAuthentic("no keys yet")
    opens = False
    for keys in script_of(exchange).trials(sa, exchange):
        try:
            chain, iv = protect.decrypt(keys, arrival.header, arrival.data, exchange.iv or keys.first_iv)
            return _verified(core, sa, exchange, row, chain, iv, keys)
        except Rejected as error:
            error.iv = iv
            raise
        except (Malformed, NotAuthentic) as error:
            if not opens:  # what opens was made with these keys: what is wrong with it says more than other keys do
                failure, opens = error, not isinstance(error, Undecipherable)
    raise failure


def _verified(
    core: Core, sa: IkeSa, exchange: Exchange, row: Row, chain: Chain, iv: bytes, used: Keys | None
) -> _Opened:
    check(row, chain)
    if row.hash is not HashKind.NONE:
        protect.check_hash(sa, row.hash, exchange.message_id, exchange.state.nonces, chain)
    return _Opened(chain, iv, row.verify(core, sa, exchange, chain, used))


def check(row: Row, chain: Chain) -> None:
    """Whether a message has what its row requires, once, and nothing that it does not know. Raises Malformed."""
    for kind in row.required:
        found = sum(isinstance(payload, kind) for payload in chain.payloads)
        if found != 1:
            raise Malformed(f"{row.name} has {found or 'no'} {named(kind)} payload{'s' * (found > 1)}", HEADER_SIZE)
    known = (*row.required, *row.optional, *_TOLERATED, HashPayload)
    for payload, (start, _) in zip(chain.payloads, chain.spans, strict=True):
        if not isinstance(payload, known):
            raise Malformed(f"{row.name} has no place for a {payload.payload_type.label} payload", HEADER_SIZE + start)


# What a datagram may change


def heard(core: Core, sa: IkeSa, exchange: Exchange, arrival: Arrival) -> None:
    """An authenticated message came: the peer lives. Where it lives is told by what answers something of ours.

    A first message may have been held back for any time; it is answered where it came from, and moves nothing. Where
    there is no NAT nobody moves: what comes from elsewhere was sent on by somebody (RFC 3947 §7).
    """
    sa.heard = core.now
    sa.dpd.waiting = 0
    exchange.place = None
    place = Place(arrival.local, arrival.remote, arrival.natt)
    established = sa.state is IkeState.ESTABLISHED
    stays = not sa.follows if established else sa.nat.decided and not sa.nat.found
    if place == (sa.local, sa.remote, sa.natt) or stays:
        return
    if established and exchange.row == 0:
        exchange.place = place
    else:
        follow(core, sa, place)


def follow(core: Core, sa: IkeSa, place: Place | None) -> None:
    """What came from `place` was fresh: the peer is there, and so are its children. None: it is where it was."""
    if place is None:
        return
    core.move(sa, place.local, place.remote)
    sa.natt = place.natt
    if sa.state is IkeState.ESTABLISHED:
        move_children(core, sa)


def move_children(core: Core, sa: IkeSa) -> None:
    """The children of a peer follow its IKE SA."""
    moved = [child for child in core.children_with(sa) if (child.local, child.remote) != (sa.local, sa.remote)]
    for child in moved:
        core.move(child, sa.local, sa.remote)
    if moved:
        installed = tuple(child.spi_out for child in moved if child.outbound)
        core.emit(MoveSas(installed, sa.local, sa.remote))
        core.report(Code.PEER_MOVED, sa)


def doubt(core: Core, sa: IkeSa, exchange: Exchange, reason: Reason, **facts: Fact) -> None:
    """Something that proves nothing suggests that this will fail: remember why, and try once more only."""
    if sa.hint is None:
        sa.hint = Hint(reason, facts)
    exchange.tries_allowed = min(exchange.tries_allowed, exchange.tries + 1)


def _doubt(core: Core, sa: IkeSa, exchange: Exchange, row: Row, error: Malformed | NotAuthentic) -> Result:
    reason = script_of(exchange).life.cause(sa, exchange, error)
    first, proof = sa.hint is None, row.protection is not Protection.CLEAR
    if not script_of(exchange).phase1 or not (proof or isinstance(error, NotAuthentic)):
        core.drop(reason, sa, message=row.name, detail=str(error))
        return _IGNORED
    why = sa.decoy or Hint(reason, {"message": row.name, "detail": str(error)})
    doubt(core, sa, exchange, why.reason, **why.facts)
    core.drop(why.reason, sa if first or not proof else None, **why.facts)
    if not (first and proof):
        return _IGNORED
    return Result(Outcome.DOUBTED, Rejected(str(error), unreadable.refusal(error), reason))


def _refused(core: Core, sa: IkeSa, exchange: Exchange, row: Row, error: Rejected) -> Result:
    """The proof of a message is not good enough. What is encrypted comes from who has our keys, whoever that is."""
    encrypted = row.protection is Protection.ENCRYPTED
    if encrypted and error.iv:
        exchange.iv = error.iv
    return _rejected(core, sa, exchange, row, error, proved=encrypted)


def _rejected(
    core: Core, sa: IkeSa, exchange: Exchange, row: Row, error: Malformed | Rejected, *, proved: bool
) -> Result:
    """A message that we understood and cannot accept: what follows depends on whether it proved where it came from."""
    if isinstance(error, Malformed):
        error = Rejected(str(error), NotifyType.PAYLOAD_MALFORMED, Reason.MALFORMED, {"detail": str(error)})
    if proved or exchange.role is Role.RESPONDER:
        return Result(Outcome.REJECTED, error)
    doubt(core, sa, exchange, error.why, **error.facts)
    core.drop(error.why, sa, message=row.name, detail=str(error))
    return _IGNORED
