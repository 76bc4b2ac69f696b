"""The informational exchange: notifies and deletes, sent and read (RFC 2408 §4.8, §5.15; RFC 2409 §5.7).

Reading says what the news are; what follows from them is decided in `negotiation`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from types import SimpleNamespace

from ikevpn.errors import Malformed, PlayedBack
from ikevpn.ike.offers import select
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.exchange import follow
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.budget import Budget
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, Exchange, IkeSa, IkeState, Keys, Place, Role
from ikevpn.ike.upkeep import dpd, lifetime
from ikevpn.model.events.event import Code
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Delete, HashPayload, Notify, Payload
from ikevpn.wire.payloads import attributes
from ikevpn.wire.registry import Doi, ExchangeType, NotifyType, Protocol
from ikevpn.wire.vendor import Capability

_SUSPECT_EVERY_S = 10.0
"""Anybody can send what makes us ask: no more often than this."""
_UNWELCOME = (NotifyType.INVALID_ID_INFORMATION, NotifyType.AUTHENTICATION_FAILED)
"""How an initiator says that it does not accept our message 6; for us phase 1 is done by then."""
_SHORTLY_S = 10.0
_MOST_SAID = 32
"""Answers to more informationals than that are not under way at once."""


# Sending


def send(core: Core, sa: IkeSa, payloads: list[Payload], place: Place | None = None) -> bytes:
    """One protected informational, to `place` if that is not where the SA has the peer; returns the datagram."""
    message_id = core.message_id(sa)
    hashed = protect.with_hash(sa, HashKind.FIRST, message_id, (b"", b""), payloads)
    _remember(sa, message_id, hashed[0])
    iv = protect.first_iv(sa, message_id)
    datagram, _ = protect.encrypt(sa, ExchangeType.INFORMATIONAL, message_id, iv, hashed)
    core.send(sa, datagram, place)
    return datagram


def _remember(sa: IkeSa, message_id: int, hashed: Payload) -> None:
    assert isinstance(hashed, HashPayload)
    sa.said[message_id] = hashed.data
    if len(sa.said) > _MOST_SAID:
        del sa.said[next(iter(sa.said))]


def not_our_own(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, keys: Keys | None) -> Keys | None:
    """An answer may come under the message id of our question (FRITZ!Box). Both ends hash alike, so that our question
    itself, sent back to us by anybody, verifies too; the hash tells, for the rest can be altered. Raises PlayedBack.
    """
    first, ours = chain.first(HashPayload), sa.said.get(exchange.message_id)
    if first is not None and ours is not None and hmac.compare_digest(first.data, ours):
        raise PlayedBack("our own message, sent back to us")
    return keys


def notify(core: Core, sa: IkeSa, kind: NotifyType, *, spi: bytes = b"", place: Place | None = None) -> bytes:
    """A protected notify about a quick mode or an ESP SA, to `place` like `send`; returns the datagram."""
    return send(core, sa, [Notify(Doi.IPSEC, Protocol.ESP, spi, kind, b"")], place)


def refuse(core: Core, sa: IkeSa, kind: NotifyType) -> None:
    """An unprotected error notify in phase 1: never longer than what it answers, and only so many a second."""
    if core.affords(Budget.REFUSAL):
        payload = Notify(Doi.IPSEC, Protocol.ISAKMP, b"", kind)
        core.send(sa, protect.clear(sa, ExchangeType.INFORMATIONAL, core.message_id(sa), [payload]))


def delete_child(core: Core, sa: IkeSa, child: Child) -> None:
    """Our inbound SPI is no more, of a bundle both (RFC 2408 §3.15)."""
    ours = ((each.proposal.protocol, each.spi_in.to_bytes(4, "big")) for each in child.layers)
    send(core, sa, [Delete(Doi.IPSEC, protocol, (spi,)) for protocol, spi in ours])


def delete_ike(core: Core, sa: IkeSa) -> None:
    """This IKE SA is no more."""
    send(core, sa, [Delete(Doi.IPSEC, Protocol.ISAKMP, (sa.cookies,))])


def shorten_ike(core: Core, sa: IkeSa) -> None:
    """RESPONDER-LIFETIME for phase 1: ours is shorter than what the initiator asked for (RFC 2407 §4.6.3.1)."""
    data = attributes.write_all(select.lifetime_attributes(sa.lifetime, phase1=True))
    send(core, sa, [Notify(Doi.IPSEC, Protocol.ISAKMP, sa.cookies, NotifyType.RESPONDER_LIFETIME, data)])


def suspect(core: Core, sa: IkeSa, place: Place | None = None) -> None:
    """A peer that has forgotten us cannot prove it: ask under the SA whether it still knows. Nor can one that has moved
    to `place` with a first message: ask there, and whoever answers is there.
    """
    lately = sa.dpd.suspected is not None and core.now - sa.dpd.suspected < _SUSPECT_EVERY_S
    if Capability.DPD in sa.capabilities and not sa.dpd.waiting and not sa.superseded and not lately:
        sa.dpd.on_demand, sa.dpd.suspected = True, core.now
        send(core, sa, [dpd.question(core, sa)], place)


# Reading


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error notify and the quick mode of ours that it answers."""

    notify: NotifyType
    exchange: Exchange


@dataclass(slots=True)
class News:
    """What an authenticated informational tells us."""

    gone: list[Child] = field(default_factory=list)  # deleted by the peer
    lost: list[Child] = field(default_factory=list)  # unknown to the peer, though we still send on them
    ended: list[IkeSa] = field(default_factory=list)
    unwelcome: NotifyType | None = None  # a peer that called us does not accept who we are
    refusals: list[Refusal] = field(default_factory=list)
    unusable: list[tuple[Child, NotifyType]] = field(default_factory=list)  # agreed on, but the peer cannot install it
    initial_contact: bool = False


def scratch() -> SimpleNamespace:
    """What the informational script keeps."""
    return SimpleNamespace(payloads=[], nonces=(b"", b""))


def read(core: Core, sa: IkeSa, exchange: Exchange) -> News:
    """All notifies and deletes of an informational; DPD is answered on the way."""
    news = News()
    for payload in exchange.scratch.payloads:
        if isinstance(payload, Delete):
            _read_delete(core, sa, payload, news)
        elif isinstance(payload, Notify):
            _read_notify(core, sa, exchange, payload, news)
    exchange.scratch.payloads = []
    return news


def _read_delete(core: Core, sa: IkeSa, payload: Delete, news: News) -> None:
    if payload.protocol == Protocol.ISAKMP:
        for cookies in payload.spis:
            news.ended += [each for each in (sa, *core.siblings(sa)) if each.cookies == cookies]
        return
    news.gone += named(core, sa, payload)


def named(core: Core, sa: IkeSa, payload: Delete) -> list[Child]:
    """The pairs with the peer of an IKE SA whose SPIs stand in a Delete.

    These ought to be the peer's inbound ones, so our outbound (RFC 2408 §3.15). Cisco and others name those under which
    we receive: they count where no pair has them as its outbound ones. A bundle goes with either of its protocols; the
    other is worth nothing alone.
    """
    if payload.protocol not in (Protocol.ESP, Protocol.AH):  # a compression goes with its ESP
        return []
    numbers = {int.from_bytes(spi, "big") for spi in payload.spis if len(spi) == 4}
    pairs = core.children_with(sa)
    found = [each for each in pairs if not numbers.isdisjoint(_outbound(each, payload.protocol))]
    numbers = numbers.difference(*(_outbound(each, payload.protocol) for each in found))
    return found + [each for each in pairs if each not in found and _receives_on(each, numbers)]


def _outbound(child: Child, protocol: Protocol) -> set[int]:
    """Under what we send. In a bundle the protocol counts: the peer's SPIs of both may be alike."""
    if child.around is None:
        return {child.spi_out}
    return {each.spi_out for each in child.layers if each.proposal.protocol == protocol}


def _receives_on(child: Child, numbers: set[int]) -> bool:
    """Of all protocols: our own SPIs are never alike."""
    return any(each.spi_in in numbers for each in child.layers)


def _read_notify(core: Core, sa: IkeSa, exchange: Exchange, payload: Notify, news: News) -> None:
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
        exchange.flight = send(core, sa, [answer], exchange.place)


def _read_refusal(core: Core, sa: IkeSa, payload: Notify, news: News) -> None:
    open_ones = [
        each
        for each in sa.exchanges.values()
        if each.script.kind == ExchangeType.QUICK and each.role is Role.INITIATOR and not each.done
    ]
    number = int.from_bytes(payload.spi, "big") if len(payload.spi) == 4 else 0
    meant = [each for each in open_ones if number in each.scratch.spis.values()]
    pairs = [] if meant or not number else [each for each in core.children_with(sa) if _has(each, number)]
    exchange = next(iter(meant or open_ones), None)
    core.report(Code.PEER_NOTIFY, sa, notify=payload.type.label, authenticated=True)
    if pairs:
        news.unusable += [(each, payload.type) for each in pairs]
    elif exchange is not None:
        news.refusals.append(Refusal(payload.type, exchange))
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
