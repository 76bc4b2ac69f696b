"""Where a datagram belongs: to which IKE SA, to which exchange, or nowhere; and then it changes nothing."""

from __future__ import annotations

from dataclasses import replace

from ikevpn.errors import Malformed
from ikevpn.ike import association
from ikevpn.ike.phase1 import admission, refusal, versions
from ikevpn.ike.phase1 import ending as phase1_ending
from ikevpn.ike.phase2 import late_deletes
from ikevpn.ike.runner import protect, settle
from ikevpn.ike.runner.exchange import Outcome, Result, receive, repeat, resume, supply
from ikevpn.ike.runner.script import Script, of_kind
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import PHASE1, ZERO_COOKIE, Exchange, IkeSa, IkeState, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import informational
from ikevpn.ike.values.arrival import Arrival
from ikevpn.ike.values.question import Answer, Ticket
from ikevpn.model.events.event import Code, Reason
from ikevpn.wire import header as isakmp_header
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.octets import limits
from ikevpn.wire.payload import Fragment
from ikevpn.wire.registry import PayloadType
from ikevpn.wire.vendor import Capability


def take(core: Core, arrival: Arrival) -> None:
    """One datagram, to its end."""
    header = arrival.header
    if header.major != 1:
        versions.take(core, arrival)
        return
    sa = _find(core, arrival)
    if sa is None:
        if not (_repeated(core, arrival) or late_deletes.take(core, arrival)):
            _begin(core, arrival)
    elif header.next_payload == PayloadType.FRAGMENT:  # racoon leaves the encryption bit of the whole in its pieces
        _fragment(core, sa, arrival)
    else:
        _dispatch(core, sa, arrival)


def _find(core: Core, arrival: Arrival) -> IkeSa | None:
    """By our own cookie, which strangers cannot guess."""
    header = arrival.header
    ours = core.by_cookie.get(header.cky_i)
    if ours is not None and ours.role is Role.INITIATOR and ours.cky_r in (ZERO_COOKIE, header.cky_r):
        return ours
    ours = core.by_cookie.get(header.cky_r)
    if ours is not None and ours.role is Role.RESPONDER and ours.cky_i == header.cky_i:
        return ours
    return None


def _repeated(core: Core, arrival: Arrival) -> bool:
    """Whether a datagram belongs to a half-open SA of ours, and yet does not name our cookie.

    Who has not seen our cookie may have invented the address that it comes from. It may repeat message 1, octet for
    octet, and is told the cookie again; nothing else moves the exchange, no matter what it is (RFC 2408 §2.5.3).
    """
    if arrival.header.cky_r != ZERO_COOKIE:
        return False
    sa = core.by_first.get((arrival.header.cky_i, arrival.remote))
    if sa is None:
        return False
    exchange = sa.exchanges.get(PHASE1)
    if exchange is None or not repeat(core, sa, exchange, arrival):
        core.drop(Reason.UNKNOWN_COOKIE)
    return True


def _begin(core: Core, arrival: Arrival) -> None:
    """Nobody knows these cookies: message 1 of a phase 1, or noise that is not answered."""
    header = arrival.header
    script = of_kind(core, header.exchange)
    if (
        script is None
        or not script.phase1
        or header.cky_r != ZERO_COOKIE
        or header.cky_i == ZERO_COOKIE
        or header.cky_i in core.by_cookie  # our own message 1, played back
        or header.message_id
        or header.encrypted
    ):
        core.drop(Reason.UNKNOWN_COOKIE)
        return
    if len(arrival.data) > limits.FIRST_MESSAGE:
        core.drop(Reason.LIMIT)
        return
    try:
        chain = message.read_chain(header.next_payload, arrival.data[HEADER_SIZE:], origin=HEADER_SIZE)
    except Malformed:
        core.drop(Reason.MALFORMED)
        return
    arrival = replace(arrival, chain=chain)
    sa = admission.admit(core, arrival)
    if sa is None:
        return
    exchange = Exchange(script, PHASE1, Role.RESPONDER, script.life.state(), begun=core.now)
    sa.exchanges[PHASE1] = exchange
    result = receive(core, sa, exchange, arrival)
    if result.outcome is Outcome.IGNORED:
        core.forget_ike_sa(sa)
    settle.settle(core, sa, exchange, result)
    if sa.decoy is not None and result.outcome is Outcome.ADVANCED:  # told when the answer is out: it is no later
        core.report(Code.CALL_REFUSED, sa, sa.decoy.reason, **sa.decoy.facts)


def _fragment(core: Core, sa: IkeSa, arrival: Arrival) -> None:
    """Collect; a whole message goes the way of any other.

    This costs memory, so strangers must have announced it first; already the first answer to us may come in pieces.
    """
    if sa.role is Role.RESPONDER and Capability.FRAGMENTATION not in sa.capabilities:
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message="a fragment")
        return
    try:
        chain = message.read_chain(arrival.header.next_payload, arrival.data[HEADER_SIZE:], origin=HEADER_SIZE)
        piece = chain.first(Fragment)
        whole = sa.reassembly.take(piece) if piece else None
        admission.keep(core, sa)
        if whole is None or sa.state is IkeState.ENDED:
            return
        header = isakmp_header.read(whole)
    except Malformed as error:
        core.drop(Reason.MALFORMED, sa, detail=str(error))
        return
    same = (header.cky_i, header.cky_r) == (arrival.header.cky_i, arrival.header.cky_r)
    if not same or header.next_payload == PayloadType.FRAGMENT or header.major != 1:
        core.drop(Reason.MALFORMED, sa, detail="fragments of another message")
        return
    _dispatch(core, sa, Arrival(header, whole, arrival.local, arrival.remote, arrival.natt))


def _dispatch(core: Core, sa: IkeSa, arrival: Arrival) -> None:
    header = arrival.header
    script = of_kind(core, header.exchange)
    if script is not None and script.phase1:
        _phase1(core, sa, arrival, script)
    elif not header.encrypted:
        refusal.in_clear(core, sa, arrival)
    elif script is not None and not _is_time_for(sa, script):
        _too_early(core, sa, arrival, script)
    elif script is not None and header.message_id:
        _under_keys(core, sa, arrival, script)
    else:
        core.drop(Reason.UNKNOWN_EXCHANGE, sa, exchange=header.exchange.label)


def _is_time_for(sa: IkeSa, script: Script) -> bool:
    """Whether both sides have come so far with an IKE SA that the peer may begin such an exchange."""
    if sa.stage is None:
        return sa.state is IkeState.ESTABLISHED
    return sa.stage is script or script.life.at_any_stage


def _phase1(core: Core, sa: IkeSa, arrival: Arrival, script: Script) -> None:
    exchange = sa.exchanges.get(PHASE1)
    if exchange is None or exchange.script is not script or arrival.header.message_id:
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message=arrival.header.exchange.label)
        return
    if not admission.may_answer(core, sa):
        core.drop(Reason.TOO_MANY_HALF_OPEN)
        return
    unknown = sa.cky_r == ZERO_COOKIE
    if unknown and arrival.header.cky_r == ZERO_COOKIE and sa.role is Role.INITIATOR:
        core.drop(Reason.UNKNOWN_COOKIE, sa)  # only message 1 has none (RFC 2408 §2.5.3): this is ours, played back
        return
    sa.cky_r = arrival.header.cky_r if unknown else sa.cky_r
    result = receive(core, sa, exchange, arrival)
    _phase1_went_on(core, sa, exchange, result, unknown=unknown)


def _phase1_went_on(core: Core, sa: IkeSa, exchange: Exchange, result: Result, *, unknown: bool) -> None:
    """`unknown`: the responder's cookie was, until this message."""
    if unknown and result.outcome in (Outcome.IGNORED, Outcome.WAITING):
        sa.cky_r = ZERO_COOKIE
    core.half_open.answered(sa)
    if result.outcome is Outcome.WAITING:
        admission.keep(core, sa)
    else:
        _settle(core, sa, exchange, result)


def answered(core: Core, ticket: Ticket, answer: Answer) -> None:
    """What an exchange has waited for; it comes too late where that has ended, has been answered, or asks anew."""
    sa = core.ike_sas.get(ticket.ike_sa)
    exchange = sa.exchanges.get(ticket.message_id) if sa is not None else None
    pending = exchange.pending if exchange is not None and not exchange.done else None
    asked = exchange.asked if exchange is not None else None
    if sa is not None and exchange is not None and asked is not None and asked.ticket == ticket:
        _settle(core, sa, exchange, supply(core, sa, exchange, asked, answer))
        return
    if sa is None or exchange is None or pending is None or pending.ticket != ticket:
        core.counters["answer-too-late"] += 1
        return
    unknown = sa.cky_r == ZERO_COOKIE
    sa.cky_r = pending.arrival.header.cky_r if unknown else sa.cky_r
    result = resume(core, sa, exchange, pending, answer)
    core.half_open.weigh(sa)
    if ticket.message_id == PHASE1:
        _phase1_went_on(core, sa, exchange, result, unknown=unknown)
    else:
        _went_on(core, sa, exchange, result)


def _settle(core: Core, sa: IkeSa, exchange: Exchange, result: Result) -> None:
    """Where that has established the IKE SA, what came too early is taken now."""
    settle.settle(core, sa, exchange, result)
    if sa.state is IkeState.ESTABLISHED and sa.early:
        early, sa.early = sa.early, []
        for each in early:
            if sa.state is IkeState.ESTABLISHED:
                _dispatch(core, sa, each)


def _under_keys(core: Core, sa: IkeSa, arrival: Arrival, script: Script) -> None:
    message_id = arrival.header.message_id
    exchange = sa.exchanges.get(message_id)
    if exchange is None:
        if not protect.is_whole(sa, arrival.data):
            core.drop(Reason.MALFORMED, sa, message=script.name)
            return
        if message_id in sa.spent and not (script.life.answers_by_id and message_id in sa.said):
            # An exchange that was forgotten: its messages are still authentic, so that only the id tells a replay.
            core.drop(Reason.DUPLICATE)
            return
        if len(sa.exchanges) >= core.settings.max_exchanges and _oldest_done(sa) is None:
            core.drop(Reason.LIMIT, sa, message=script.name)
            return
        iv = script.life.first_iv(core, sa, arrival.header, arrival.data)
        exchange = Exchange(script, message_id, Role.RESPONDER, script.life.state(), begun=core.now, iv=iv)
        result = receive(core, sa, exchange, arrival)
        if result.outcome is not Outcome.IGNORED:
            _make_room(core, sa)
            sa.exchanges[message_id] = exchange
            sa.spent.append(message_id)
            sa.said.pop(message_id, None)
            if len(sa.spent) >= core.settings.max_spent:
                association.end(core, sa, Reason.LIMIT, with_children=False, tell=True)
                return
    elif exchange.script is not script:
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message=script.name)
        return
    else:
        result = receive(core, sa, exchange, arrival)
    _went_on(core, sa, exchange, result)


def _went_on(core: Core, sa: IkeSa, exchange: Exchange, result: Result) -> None:
    _settle(core, sa, exchange, result)
    if exchange.place is not None and result.outcome is not Outcome.IGNORED and sa.state is IkeState.ESTABLISHED:
        informational.suspect(core, sa, exchange.place)


def _oldest_done(sa: IkeSa) -> Exchange | None:
    return next((each for each in sa.exchanges.values() if each.done and each.message_id), None)


def _make_room(core: Core, sa: IkeSa) -> None:
    """For an exchange that has proved itself: the oldest finished one stops answering duplicates."""
    oldest = _oldest_done(sa)
    if oldest is not None and len(sa.exchanges) >= core.settings.max_exchanges:
        del sa.exchanges[oldest.message_id]
        core.timers.cancel(Timer(TimerKind.FORGET, sa.serial, oldest.message_id))


# What cannot be believed


def _too_early(core: Core, sa: IkeSa, arrival: Arrival, script: Script) -> None:
    """Encrypted before phase 1 is done: kept for later; to an initiator, perhaps the reason why it never will be."""
    exchange = sa.exchanges[PHASE1]
    if sa.role is Role.INITIATOR:
        explains = script.life.explains
        if explains is None or sa.keys is None:
            core.drop(Reason.UNEXPECTED_MESSAGE, sa, message=arrival.header.exchange.label)
        elif (why := explains(core, sa, exchange, arrival.header, arrival.data)) is not None:
            phase1_ending.failed(core, sa, why)
        return
    octets = sum(len(each.data) for each in sa.early) + len(arrival.data)
    if len(sa.early) < core.settings.max_early and octets <= core.settings.max_early_octets:
        sa.early.append(arrival)
        admission.keep(core, sa)
        if sa.state is IkeState.ENDED:
            return
    else:
        core.drop(Reason.LIMIT, sa, message=arrival.header.exchange.label)
    if exchange.flight and exchange.resent < core.settings.max_resent and settle.at_last_message(exchange):
        exchange.resent += 1  # the initiator believes to be done: what we said last makes it repeat its last message
        core.send(sa, exchange.flight)
