"""The informational exchange: notifies and deletes as they are sent (RFC 2408 §4.8, §5.15; RFC 2409 §5.7).

What follows from those of the peer is told in `news`.
"""

from __future__ import annotations

import hmac

from ikevpn.errors import PlayedBack
from ikevpn.ike.offers import select
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.budget import Budget
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, Exchange, IkeSa, Keys, Place
from ikevpn.ike.upkeep import dpd
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Delete, HashPayload, Notify, Payload
from ikevpn.wire.payloads import attributes
from ikevpn.wire.registry import Doi, ExchangeType, NotifyType, Protocol
from ikevpn.wire.vendor import Capability

_SUSPECT_EVERY_S = 10.0
"""Anybody can send what makes us ask: no more often than this."""
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


# Deletes of the peer


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
