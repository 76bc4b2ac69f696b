"""Phase 1: proposals to SA payloads and back, and the choice among what a peer offers (RFC 2408 §4.2, RFC 2409 §5);
and what `suite` has in common with it.

Values are compared, never octets: attributes come in either form and in any order. Our choice is echoed as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ikevpn.crypto.tables import IKE_CIPHERS
from ikevpn.errors import Malformed
from ikevpn.model.proposal import IkeProposal, Lifetime
from ikevpn.model.tunnel import ProposalOrder
from ikevpn.wire.payload import SA, SIT_IDENTITY_ONLY, Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    Auth,
    Doi,
    Group,
    Hash,
    Ike,
    IkeCipher,
    Ipsec,
    LifeType,
    Protocol,
)

_KEY_IKE = 1
_EXPLICIT_GROUP = {
    Ike.GROUP_PRIME,
    Ike.GROUP_GENERATOR_ONE,
    Ike.GROUP_GENERATOR_TWO,
    Ike.GROUP_CURVE_A,
    Ike.GROUP_CURVE_B,
    Ike.FIELD_SIZE,
    Ike.GROUP_ORDER,
}
_LONGEST = 0xFFFF_FFFF  # of a lifetime in any unit; the attribute could say more, counters of SAs could not
MOST_NAMES = 24  # of an offer, in words; the rest is counted


@dataclass(frozen=True, slots=True)
class IkeChoice:
    """A phase 1 transform that both sides accept; `payload` is the answer to send."""

    proposal: IkeProposal
    lifetime: Lifetime
    payload: SA


T = TypeVar("T")
Offer = Sequence[tuple[Proposal, Transform, tuple[IkeProposal, Lifetime] | None]]
"""The transforms of a phase 1 SA payload, with what each says; None where it is not one that we could ever accept."""


# Phase 1


def offer_ike(proposals: Sequence[IkeProposal], lifetime: Lifetime) -> SA:
    """One proposal whose transforms are the alternatives, in our order."""
    transforms = tuple(
        Transform(number, _KEY_IKE, _ike_attributes(each, lifetime)) for number, each in enumerate(proposals, 1)
    )
    return payload_of([Proposal(1, Protocol.ISAKMP, b"", transforms)])


def _ike_attributes(each: IkeProposal, lifetime: Lifetime) -> tuple[Attribute, ...]:
    attributes = [Attribute.of(Ike.ENCRYPTION, each.cipher)]
    if each.key_bits:
        attributes.append(Attribute.of(Ike.KEY_LENGTH, each.key_bits))
    attributes += [
        Attribute.of(Ike.HASH, each.hash),
        Attribute.of(Ike.GROUP, each.group),
        Attribute.of(Ike.AUTHENTICATION, each.auth),
    ]
    return (*attributes, *_lifetime_attributes(Ike.LIFE_TYPE, Ike.LIFE_DURATION, lifetime))


def read_ike(transform: Transform) -> tuple[IkeProposal, Lifetime] | None:
    """What a phase 1 transform says; None where it is not one that we could ever accept."""
    values = numbers_of(transform.attributes, Ike.LIFE_TYPE, Ike.LIFE_DURATION)
    if (
        transform.id != _KEY_IKE
        or values is None
        or Ike.PRF in values  # there is none but the HMAC
        or not _EXPLICIT_GROUP.isdisjoint(values)
        or not {Ike.ENCRYPTION, Ike.HASH, Ike.AUTHENTICATION} <= values.keys()
    ):
        return None
    cipher = IkeCipher(values[Ike.ENCRYPTION])
    row = IKE_CIPHERS.get(cipher)
    default = row.default if row else 0
    key_bits = values.get(Ike.KEY_LENGTH, default) if row is None or row.negotiates_key_length else 0
    group = Group(values.get(Ike.GROUP, Group.MODP_768))  # RFC 2409 §6.1: group 1 is the default
    proposal = IkeProposal(cipher, key_bits, Hash(values[Ike.HASH]), group, Auth(values[Ike.AUTHENTICATION]))
    return proposal, _lifetime(transform.attributes, Ike.LIFE_TYPE, Ike.LIFE_DURATION)


def read_offer(offer: SA) -> Offer:
    """All that a peer offers, read once: each transform is in question for many tunnels."""
    pairs = _transforms(offer, Protocol.ISAKMP)
    return [(proposal, transform, read_ike(transform)) for proposal, transform in pairs]


def choose_ike(offer: Offer, accepted: Sequence[IkeProposal], order: ProposalOrder) -> IkeChoice | None:
    """The first transform on which both agree, by our order or by theirs."""
    found: list[tuple[int, int, tuple[Proposal, Transform, IkeProposal, Lifetime]]] = []
    for place, (proposal, transform, read) in enumerate(offer):
        if read and read[0] in accepted:
            found.append((accepted.index(read[0]), place, (proposal, transform, *read)))
    chosen = best(found, order)
    if chosen is None:
        return None
    proposal, transform, agreed, lifetime = chosen
    answer = payload_of([Proposal(proposal.number, Protocol.ISAKMP, b"", (transform,))])
    return IkeChoice(agreed, lifetime, answer)


def check_ike(answer: SA, offered: Sequence[IkeProposal]) -> IkeChoice | None:
    """The responder's one choice; None where it is not exactly one or was never offered."""
    transforms = list(_transforms(answer, Protocol.ISAKMP))
    read = read_ike(transforms[0][1]) if len(transforms) == 1 else None
    return IkeChoice(*read, answer) if read and read[0] in offered else None


def names_ike(offer: Offer) -> tuple[str, ...]:
    """What was offered, in words, for the message that explains a refusal."""
    return names_of(dict.fromkeys(read[0] if read else None for _, _, read in offer))


def lifetime_attributes(lifetime: Lifetime, *, phase1: bool) -> tuple[Attribute, ...]:
    """The data of RESPONDER-LIFETIME (RFC 2407 §4.6.3.1)."""
    return tuple(_lifetime_attributes(*_lifetime_kinds(phase1), lifetime))


def read_lifetime(attributes: Sequence[Attribute], *, phase1: bool) -> Lifetime:
    """A lifetime out of RESPONDER-LIFETIME; parts that make no sense count as absent (FortiGate sends such)."""
    return _lifetime(attributes, *_lifetime_kinds(phase1))


# Shared


def payload_of(proposals: Sequence[Proposal]) -> SA:
    """An SA payload of the IPsec DOI."""
    return SA(Doi.IPSEC, SIT_IDENTITY_ONLY, tuple(proposals))


def _transforms(offer: SA, *protocols: Protocol) -> Iterable[tuple[Proposal, Transform]]:
    for proposal in offer.proposals:
        if proposal.protocol in protocols:
            for transform in proposal.transforms:
                yield proposal, transform


def names_of(names: Iterable[object]) -> tuple[str, ...]:
    """Each once; a stranger's endless list does not become an endless event. Only what is told is put into words."""
    found = tuple(dict.fromkeys(names))
    told = tuple("unknown" if each is None else str(each) for each in found[:MOST_NAMES])
    return (*told, f"and {len(found) - MOST_NAMES} more") if len(found) > MOST_NAMES else told


def best(found: Sequence[tuple[int, int, T]], order: ProposalOrder) -> T | None:
    """What stands first by our order or by theirs: the two numbers of each."""

    def rank(each: tuple[int, int, T]) -> int:
        ours, theirs, _ = each
        return ours if order is ProposalOrder.OURS else theirs

    return min(found, key=rank)[2] if found else None


def numbers_of(attributes: Sequence[Attribute], *repeatable: int) -> dict[int, int] | None:
    """Attribute numbers by type. None where one that may not repeat does, with another value, or is no number."""
    values: dict[int, int] = {}
    try:
        for each in attributes:
            if each.type not in repeatable and values.setdefault(each.type, each.number) != each.number:
                return None
    except Malformed:
        return None
    return values


def _lifetime_kinds(phase1: bool) -> tuple[int, int]:
    return (Ike.LIFE_TYPE, Ike.LIFE_DURATION) if phase1 else (Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)


def _lifetime_attributes(life_type: int, life_duration: int, lifetime: Lifetime) -> Iterable[Attribute]:
    for kind, amount in ((LifeType.SECONDS, lifetime.seconds), (LifeType.KILOBYTES, lifetime.kilobytes)):
        if amount:
            yield Attribute.of(life_type, kind)
            yield Attribute.of(life_duration, amount)


def _lifetime(attributes: Sequence[Attribute], life_type: int, life_duration: int) -> Lifetime:
    """Each duration counts for the type before it; of two for one type the first counts."""
    amounts: dict[int, int] = {}
    kind: int | None = None
    try:
        for each in attributes:
            if each.type == life_type:
                kind = each.number
            elif each.type == life_duration and kind is not None:
                amounts.setdefault(kind, min(each.number, _LONGEST))
                kind = None
    except Malformed:
        return Lifetime()
    return Lifetime(amounts.get(LifeType.SECONDS, 0), amounts.get(LifeType.KILOBYTES, 0))
