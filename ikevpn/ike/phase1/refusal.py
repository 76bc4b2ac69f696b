"""What a refusal, or the silence, of a peer in phase 1 means. Another secret is said to be the cause only where nothing
else explains what was seen; changes nothing by itself.
"""

from __future__ import annotations

from ikevpn.errors import Malformed
from ikevpn.ike.auth import methods
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.runner import protect, settle
from ikevpn.ike.runner.exchange import doubt
from ikevpn.ike.runner.script import Protection
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import PHASE1, Exchange, Hint, IkeSa, IkeState, Role
from ikevpn.ike.upkeep import informational
from ikevpn.ike.values.arrival import Arrival
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE, Header
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Delete, Notify
from ikevpn.wire.registry import ExchangeType, NotifyType, Protocol

_IN_CLEAR = {
    # what the peer says in the clear, whether both have keys by then, in which exchange (None: either) -> what it means
    (NotifyType.PAYLOAD_MALFORMED, True, None): Reason.WRONG_SECRET,  # our message 5 was garbage: strongSwan, libreswan
    (NotifyType.INVALID_HASH_INFORMATION, True, ExchangeType.AGGRESSIVE): Reason.WRONG_SECRET,  # no other hash is there
    (NotifyType.INVALID_ID_INFORMATION, True, None): Reason.IDENTITY_REFUSED,
    (NotifyType.INVALID_ID_INFORMATION, False, ExchangeType.AGGRESSIVE): Reason.IDENTITY_REFUSED,  # it is in message 1
    (NotifyType.INVALID_MAJOR_VERSION, False, None): Reason.WRONG_VERSION,
}
"""All others are a refusal, and the notify says which."""
_UNDER_KEYS = {
    NotifyType.INVALID_ID_INFORMATION: Reason.IDENTITY_REFUSED,  # libreswan
    NotifyType.AUTHENTICATION_FAILED: Reason.IDENTITY_REFUSED,  # strongSwan, which finds no configuration for it
}
"""What a notify means that opens with our keys: the secret, from which they come, is right."""


def in_clear(core: Core, sa: IkeSa, arrival: Arrival) -> None:
    """An unprotected informational proves nothing: it may explain a failure, it never causes one (RFC 2408 §5.15)."""
    if arrival.header.exchange != ExchangeType.INFORMATIONAL:
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message=arrival.header.exchange.label)
        return
    try:
        chain = message.read_chain(arrival.header.next_payload, arrival.data[HEADER_SIZE:], origin=HEADER_SIZE)
    except Malformed as error:
        core.drop(Reason.MALFORMED, sa, detail=str(error))
        return
    error_notify = _error_in(chain)
    if error_notify is None:
        core.drop(Reason.UNEXPECTED_MESSAGE, sa, message="unprotected informational")
    elif sa.state is IkeState.ESTABLISHED:
        informational.suspect(core, sa)
    elif sa.hint is None:
        exchange, label = sa.exchanges[PHASE1], error_notify.label
        core.report_hearsay(Code.PEER_NOTIFY, sa, notify=label, authenticated=False)
        key = error_notify, sa.keys is not None
        reason = _IN_CLEAR.get((*key, None)) or _IN_CLEAR.get((*key, exchange.script.kind))
        if reason is Reason.WRONG_SECRET and sa.proposal is not None:
            reason = methods.agreed(sa).wrong
        offered = tuple(map(str, Phase1.of(exchange).offered))
        facts: dict[str, Fact] = {"notify": label, **identity(sa)} | ({"offered": offered} if offered else {})
        if reason is Reason.WRONG_VERSION:
            facts["version"] = 2
        doubt(core, sa, exchange, reason or Reason.PEER_REFUSED_PHASE1, **facts)


def under_keys(core: Core, sa: IkeSa, exchange: Exchange, header: Header, data: bytes) -> Hint | None:
    """Why a responder that has our message 5 will not have us, where that opens with our keys and so is true."""
    assert sa.keys is not None
    opened = protect.open_informational(sa, header, data, (exchange.iv, sa.keys.first_iv, b""))
    if opened is None:
        what = "an informational that does not open with our keys"
        doubt(core, sa, exchange, Reason.UNREADABLE_REFUSAL, message=what, **identity(sa))
        return None
    chain, _ = opened
    error_notify = _error_in(chain)
    if error_notify is not None:
        core.report(Code.PEER_NOTIFY, sa, notify=error_notify.label, authenticated=True)
        reason = _UNDER_KEYS.get(error_notify, Reason.PEER_REFUSED_PHASE1)
        return Hint(reason, {"notify": error_notify.label, "proved": True, **identity(sa)})
    deletes = (each for each in chain.all(Delete) if each.protocol == Protocol.ISAKMP and sa.cookies in each.spis)
    return Hint(Reason.IDENTITY_REFUSED, identity(sa)) if any(deletes) else None


def silence(sa: IkeSa, exchange: Exchange) -> Hint:
    """What it means that nobody answers any more."""
    if sa.hint is not None:
        return sa.hint
    if sa.icmp:
        return Hint(Reason.UNREACHABLE, dict(sa.icmp))
    if sa.reassembly.octets:
        return Hint(Reason.FRAGMENTS_MISSING, {})
    if settle.said(exchange).protection is not Protection.ENCRYPTED:
        return Hint(Reason.NO_ANSWER, {})
    moved = sa.natt and sa.role is Role.INITIATOR
    return Hint(Reason.NO_ANSWER_NATT if moved else methods.agreed(sa).silent, {"silent": True, **identity(sa)})


def _error_in(chain: Chain) -> NotifyType | None:
    return next((each.type for each in chain.all(Notify) if each.type.is_error), None)


def identity(sa: IkeSa) -> dict[str, Fact]:
    """How we call ourselves, once we have said it."""
    return {"local_id": str(sa.local_id)} if sa.local_id is not None else {}
