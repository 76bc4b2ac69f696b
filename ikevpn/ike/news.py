"""What an informational of the peer leads to: its notifies and deletes, read first and acted upon together (RFC 2408
§4.8, §5.15; RFC 2409 §5.7).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ikevpn.errors import Malformed
from ikevpn.ike import association
from ikevpn.ike.offers import select
from ikevpn.ike.phase1 import refusal
from ikevpn.ike.phase2 import children, ending, late_deletes, requests
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.exchange import follow
from ikevpn.ike.runner.life import Answered, Life, usual_iv
from ikevpn.ike.runner.script import script_of
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, ChildRequest, Exchange, IkeSa, IkeState, Role, State
from ikevpn.ike.upkeep import dpd, informational, lifetime
from ikevpn.model.events.event import Code, Reason
from ikevpn.wire.header import Header
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Delete, Notify, Payload
from ikevpn.wire.payloads import attributes
from ikevpn.wire.registry import NotifyType, Protocol

_UNWELCOME = (NotifyType.INVALID_ID_INFORMATION, NotifyType.AUTHENTICATION_FAILED)
"""How an initiator says that it does not accept our message 6; for us phase 1 is done by then."""
_SHORTLY_S = 10.0


@dataclass(slots=True)
class Informational(State):
    """What the peer says."""

    payloads: list[Payload] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error notify and the exchange of ours that it answers, whose script says what follows."""

    notify: NotifyType
    exchange: Exchange
    follows: Answered


@dataclass(slots=True)
class _News:
    """What an authenticated informational tells us."""

    gone: list[Child] = field(default_factory=list)  # deleted by the peer
    lost: list[Child] = field(default_factory=list)  # unknown to the peer, though we still send on them
    ended: list[IkeSa] = field(default_factory=list)
    unwelcome: NotifyType | None = None  # a peer that called us does not accept who we are
    refusals: list[_Refusal] = field(default_factory=list)
    unusable: list[tuple[Child, NotifyType]] = field(default_factory=list)  # agreed on, but the peer cannot install it
    initial_contact: bool = False


# The one row


def build(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """What an exchange of ours has to say."""
    return Informational.of(exchange).payloads


def take(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """Keep what the peer says until the exchange is done."""
    Informational.of(exchange).payloads = list(chain.payloads)


def first_iv(core: Core, sa: IkeSa, header: Header, data: bytes) -> bytes:
    """Just after phase 1 a peer may refuse with an IV that starts afresh, because for it phase 1 was never done."""
    if core.now - sa.established > core.settings.linger_s:
        return usual_iv(core, sa, header, data)
    opened = protect.open_informational(sa, header, data, (sa.last_block, b""))
    return opened[1] if opened else usual_iv(core, sa, header, data)


# Acting


def act(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """Notifies and deletes of an informational: each is either news for DPD or the end of something."""
    news = _read(core, sa, exchange)
    for child in news.gone:
        children.remove(core, child, Reason.PEER_DELETED)
    for child in news.lost:
        children.remove(core, child, Reason.PEER_RESTARTED)
        requests.start(core, sa, ChildRequest(child.tunnel, child.name, child.reqid, child.selector))
    for refused in news.refusals:
        refused.follows(core, sa, refused.exchange, refused.notify)
    for child, notify in news.unusable:
        ending.unusable(core, sa, child, notify)
    if news.initial_contact and core.now - sa.established < core.settings.linger_s:
        association.forget_others(core, sa)
    if news.unwelcome:
        facts = {"notify": news.unwelcome.label, **refusal.identity(sa)}
        association.end(core, sa, Reason.IDENTITY_REFUSED, with_children=False, facts=facts)
    for each in news.ended:  # children outlive their IKE SA (RFC 2408 §5, RFC 2409 §5.5)
        association.end(core, each, Reason.PEER_DELETED, with_children=False)
        late_deletes.remember(core, each)


LIFE = Life(Informational, act, first_iv=first_iv, explains=refusal.under_keys, at_any_stage=True, answers_by_id=True)


# Reading


def _read(core: Core, sa: IkeSa, exchange: Exchange) -> _News:
    """All notifies and deletes of an informational; DPD is answered on the way."""
    news, said = _News(), Informational.of(exchange)
    for payload in said.payloads:
        if isinstance(payload, Delete):
            _read_delete(core, sa, payload, news)
        elif isinstance(payload, Notify):
            _read_notify(core, sa, exchange, payload, news)
    said.payloads = []
    return news


def _read_delete(core: Core, sa: IkeSa, payload: Delete, news: _News) -> None:
    if payload.protocol == Protocol.ISAKMP:
        for cookies in payload.spis:
            news.ended += [each for each in (sa, *core.siblings(sa)) if each.cookies == cookies]
        return
    news.gone += informational.named(core, sa, payload)


def _read_notify(core: Core, sa: IkeSa, exchange: Exchange, payload: Notify, news: _News) -> None:
    if payload.type == NotifyType.R_U_THERE:
        _answer(core, sa, exchange, payload)
    elif payload.type == NotifyType.R_U_THERE_ACK:
        if dpd.answered(core, sa, payload):
            follow(core, sa, exchange.place)
    elif payload.type == NotifyType.INITIAL_CONTACT:
        news.initial_contact = True
    elif payload.type == NotifyType.INVALID_SPI:
        numbers = {int.from_bytes(octets, "big") for octets in (payload.spi, payload.data) if len(octets) == 4}
        lost = (each for each in core.children_with(sa) if any(layer.spi_out in numbers for layer in each.layers))
        news.lost += [each for each in lost if each.outbound]
    elif payload.type == NotifyType.RESPONDER_LIFETIME and payload.protocol == Protocol.ISAKMP:
        _shorten(core, sa, payload)
    elif payload.type.is_error:
        _read_refusal(core, sa, payload, news)
    else:
        core.counters[f"notify-{payload.type.label}"] += 1


def _answer(core: Core, sa: IkeSa, exchange: Exchange, payload: Notify) -> None:
    """R-U-THERE; one message has one answer, whatever it asks besides."""
    if exchange.flight:
        core.counters["asked-twice"] += 1
        return
    before = sa.dpd.peer_sequence
    answer = dpd.answer(core, sa, payload)
    if answer is not None:
        if sa.dpd.peer_sequence != before:  # its number has risen: it is no old one
            follow(core, sa, exchange.place)
        exchange.flight = informational.send(core, sa, [answer], exchange.place)


def _read_refusal(core: Core, sa: IkeSa, payload: Notify, news: _News) -> None:
    exchanges = (each for each in sa.exchanges.values() if each.role is Role.INITIATOR and not each.done)
    open_ones = [(each, follows) for each in exchanges if (follows := script_of(each).life.refused) is not None]
    number = int.from_bytes(payload.spi, "big") if len(payload.spi) == 4 else 0
    meant = [each for each in open_ones if each[0].state.concerns(number)]
    pairs = [] if meant or not number else [each for each in core.children_with(sa) if _has(each, number)]
    answered = next(iter(meant or open_ones), None)
    core.report(Code.PEER_NOTIFY, sa, notify=payload.type.label, authenticated=True)
    if pairs:
        news.unusable += [(each, payload.type) for each in pairs]
    elif answered is not None:
        news.refusals.append(_Refusal(payload.type, *answered))
    elif (
        payload.type in _UNWELCOME
        and payload.protocol == Protocol.ISAKMP
        and sa.role is Role.RESPONDER
        and core.now - sa.established < _SHORTLY_S
    ):
        news.unwelcome = payload.type


def _has(child: Child, number: int) -> bool:
    """Whether an SPI is one of a pair: strongSwan names the initiator's, whoever it is that complains."""
    return any(number in (each.spi_in, each.spi_out) for each in child.layers)


def _shorten(core: Core, sa: IkeSa, payload: Notify) -> None:
    """RESPONDER-LIFETIME for phase 1 (RFC 2407 §4.6.3.1): from now on both sides count the same."""
    try:
        told = select.read_lifetime(attributes.read_all(payload.data), phase1=True)
    except Malformed:
        return
    shorter = sa.lifetime.shorter(told)
    if sa.state is IkeState.ESTABLISHED and shorter != sa.lifetime:
        sa.lifetime = shorter
        core.report(Code.LIFETIME_SHORTENED, sa, seconds=shorter.seconds, kilobytes=shorter.kilobytes)
        lifetime.plan_ike(core, sa)
