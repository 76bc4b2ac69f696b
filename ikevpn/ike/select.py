"""Proposals to SA payloads and back, and the choice among what a peer offers (RFC 2408 §4.2, RFC 2409 §5).

Values are compared, never octets: attributes come in either form and in any order. Our choice is echoed as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from ikevpn.crypto.tables import ESP_CIPHERS, IKE_CIPHERS
from ikevpn.errors import Malformed
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import Encapsulation, SaMode
from ikevpn.model.tunnel import NattDraft, ProposalOrder
from ikevpn.wire.attributes import Attribute
from ikevpn.wire.payload import SA, SIT_IDENTITY_ONLY, Proposal, Transform
from ikevpn.wire.registry import (
    AhTransform,
    Auth,
    Doi,
    EspCipher,
    Group,
    Hash,
    Ike,
    IkeCipher,
    Integrity,
    Ipsec,
    LifeType,
    Mode,
    Protocol,
)

_KEY_IKE = 1
_DEFAULT_IPSEC_LIFETIME_S = 28800  # RFC 2407 §4.5: assumed where no lifetime is given
_AH_TRANSFORMS = {
    Integrity.HMAC_MD5: AhTransform.MD5,
    Integrity.HMAC_SHA1: AhTransform.SHA1,
    Integrity.HMAC_SHA2_256: AhTransform.SHA2_256,
    Integrity.HMAC_SHA2_384: AhTransform.SHA2_384,
    Integrity.HMAC_SHA2_512: AhTransform.SHA2_512,
}
_UDP_MODES = {
    (SaMode.TUNNEL, False): Mode.UDP_TUNNEL,
    (SaMode.TRANSPORT, False): Mode.UDP_TRANSPORT,
    (SaMode.TUNNEL, True): Mode.UDP_TUNNEL_DRAFT,
    (SaMode.TRANSPORT, True): Mode.UDP_TRANSPORT_DRAFT,
}
_PLAIN_MODES = {SaMode.TUNNEL: Mode.TUNNEL, SaMode.TRANSPORT: Mode.TRANSPORT}
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
_MOST_NAMES = 24  # of an offer, in words; the rest is counted


@dataclass(frozen=True, slots=True)
class IkeChoice:
    """A phase 1 transform that both sides accept; `payload` is the answer to send."""

    proposal: IkeProposal
    lifetime: Lifetime
    payload: SA


@dataclass(frozen=True, slots=True)
class IpsecChoice:
    """A phase 2 transform that both sides accept. `spi` is the peer's inbound SPI."""

    proposal: IpsecProposal
    lifetime: Lifetime
    spi: bytes
    number: int
    transform: Transform

    def payload(self, spi: bytes) -> SA:
        """The answer, with our inbound SPI."""
        return _sa([Proposal(self.number, self.proposal.protocol, spi, (self.transform,))])


def mode_for(mode: SaMode, encapsulation: Encapsulation, draft: NattDraft | None) -> Mode:
    """The encapsulation mode attribute (RFC 3947 §5.1; private numbers before the RFC)."""
    if encapsulation is Encapsulation.NONE:
        return _PLAIN_MODES[mode]
    return _UDP_MODES[mode, draft is not NattDraft.RFC]


def _modes(mode: SaMode, encapsulation: Encapsulation) -> set[Mode]:
    """What a peer may call our mode. Behind a NAT some say the plain word all the same; without one UDP is an error."""
    plain = {_PLAIN_MODES[mode]}
    return plain if encapsulation is Encapsulation.NONE else plain | {_UDP_MODES[mode, old] for old in (False, True)}


Choice = TypeVar("Choice", IkeChoice, IpsecChoice)


# Phase 1


def offer_ike(proposals: Sequence[IkeProposal], lifetime: Lifetime) -> SA:
    """One proposal whose transforms are the alternatives, in our order."""
    transforms = tuple(
        Transform(number, _KEY_IKE, _ike_attributes(each, lifetime)) for number, each in enumerate(proposals, 1)
    )
    return _sa([Proposal(1, Protocol.ISAKMP, b"", transforms)])


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
    values = _values(transform.attributes, Ike.LIFE_TYPE, Ike.LIFE_DURATION)
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


def choose_ike(offer: SA, accepted: Sequence[IkeProposal], order: ProposalOrder) -> IkeChoice | None:
    """The first transform on which both agree, by our order or by theirs."""
    found: list[tuple[int, int, IkeChoice]] = []
    for place, (proposal, transform) in enumerate(_transforms(offer, Protocol.ISAKMP)):
        read = read_ike(transform)
        if read and read[0] in accepted:
            answer = _sa([Proposal(proposal.number, Protocol.ISAKMP, b"", (transform,))])
            found.append((accepted.index(read[0]), place, IkeChoice(*read, answer)))
    return _best(found, order)


def check_ike(answer: SA, offered: Sequence[IkeProposal]) -> IkeChoice | None:
    """The responder's one choice; None where it is not exactly one or was never offered."""
    transforms = list(_transforms(answer, Protocol.ISAKMP))
    read = read_ike(transforms[0][1]) if len(transforms) == 1 else None
    return IkeChoice(*read, answer) if read and read[0] in offered else None


def names_ike(offer: SA) -> tuple[str, ...]:
    """What was offered, in words, for the message that explains a refusal."""
    reads = (read_ike(transform) for _, transform in _transforms(offer, Protocol.ISAKMP))
    return _names(str(read[0]) if read else "unknown" for read in reads)


# Phase 2


def offer_ipsec(proposals: Sequence[IpsecProposal], lifetime: Lifetime, spi: bytes, mode: Mode) -> SA:
    """One proposal per protocol in turn, its alternatives as transforms, in our order."""
    wire = []
    for number, (protocol, group) in enumerate(groupby(proposals, key=lambda each: each.protocol), 1):
        transforms = tuple(
            Transform(place, _transform_id(each), _ipsec_attributes(each, lifetime, mode))
            for place, each in enumerate(group, 1)
        )
        wire.append(Proposal(number, protocol, spi, transforms))
    return _sa(wire)


def possible(proposals: Sequence[IpsecProposal], encapsulation: Encapsulation) -> tuple[IpsecProposal, ...]:
    """AH covers the addresses that a NAT changes, and has no encapsulation in UDP (RFC 3715 §2.1)."""
    if encapsulation is Encapsulation.NONE:
        return tuple(proposals)
    return tuple(each for each in proposals if each.protocol is not Protocol.AH)


def _transform_id(each: IpsecProposal) -> int:
    return _AH_TRANSFORMS[each.integrity] if each.protocol is Protocol.AH else each.cipher


def _ipsec_attributes(each: IpsecProposal, lifetime: Lifetime, mode: Mode) -> tuple[Attribute, ...]:
    attributes = list(_lifetime_attributes(Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION, lifetime))
    if each.group:
        attributes.append(Attribute.of(Ipsec.GROUP, each.group))
    attributes.append(Attribute.of(Ipsec.MODE, mode))
    if each.integrity:
        attributes.append(Attribute.of(Ipsec.AUTHENTICATION, each.integrity))
    if each.key_bits:
        attributes.append(Attribute.of(Ipsec.KEY_LENGTH, each.key_bits))
    if each.extended_sequence_numbers:
        attributes.append(Attribute.of(Ipsec.EXTENDED_SEQUENCE_NUMBERS, 1))
    return tuple(attributes)


def read_ipsec(protocol: Protocol, transform: Transform) -> tuple[IpsecProposal, Lifetime, Mode] | None:
    """What a phase 2 transform says; None where it is not one that we could ever accept."""
    values = _values(transform.attributes, Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
    if values is None or protocol not in (Protocol.ESP, Protocol.AH):
        return None
    integrity = Integrity(values.get(Ipsec.AUTHENTICATION, Integrity.NONE))
    cipher = EspCipher.NULL if protocol is Protocol.AH else EspCipher(transform.id)
    if protocol is Protocol.AH and _AH_TRANSFORMS.get(integrity) != transform.id:
        return None
    row = ESP_CIPHERS.get(cipher)
    key_bits = (
        values.get(Ipsec.KEY_LENGTH, row.default if row else 0) if row is None or row.negotiates_key_length else 0
    )
    extended = values.get(Ipsec.EXTENDED_SEQUENCE_NUMBERS, 0) == 1
    group = Group(values.get(Ipsec.GROUP, Group.NONE))
    proposal = IpsecProposal(protocol, cipher, key_bits, integrity, group, extended)
    lifetime = _lifetime(transform.attributes, Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
    mode = Mode(values.get(Ipsec.MODE, Mode.TUNNEL))  # host-dependent by RFC 2407 §4.5; tunnel is what the field does
    return proposal, lifetime if lifetime.seconds else Lifetime(_DEFAULT_IPSEC_LIFETIME_S, lifetime.kilobytes), mode


def choose_ipsec(
    offer: SA, accepted: Sequence[IpsecProposal], order: ProposalOrder, mode: SaMode, encapsulation: Encapsulation
) -> IpsecChoice | None:
    """The first transform on which both agree. Bundles (several protocols under one number) are passed over."""
    modes = _modes(mode, encapsulation)
    numbers = [proposal.number for proposal in offer.proposals]
    found: list[tuple[int, int, IpsecChoice]] = []
    for place, (proposal, transform) in enumerate(_transforms(offer, Protocol.ESP, Protocol.AH)):
        read = read_ipsec(proposal.protocol, transform)
        if read is None or numbers.count(proposal.number) > 1 or not _usable_spi(proposal.spi):
            continue
        if read[0] in accepted and read[2] in modes:
            choice = IpsecChoice(read[0], read[1], proposal.spi, proposal.number, transform)
            found.append((accepted.index(read[0]), place, choice))
    return _best(found, order)


def check_ipsec(
    answer: SA, offered: Sequence[IpsecProposal], mode: SaMode, encapsulation: Encapsulation
) -> IpsecChoice | None:
    """The responder's one choice; None where it is not exactly one or was never offered."""
    if sum(len(proposal.transforms) for proposal in answer.proposals) != 1:
        return None
    return choose_ipsec(answer, offered, ProposalOrder.THEIRS, mode, encapsulation)


def names_ipsec(offer: SA) -> tuple[str, ...]:
    """What was offered, in words."""
    reads = (read_ipsec(p.protocol, transform) for p, transform in _transforms(offer, Protocol.ESP, Protocol.AH))
    return _names(str(read[0]) if read else "unknown" for read in reads)


def lifetime_attributes(lifetime: Lifetime, *, phase1: bool) -> tuple[Attribute, ...]:
    """The data of RESPONDER-LIFETIME (RFC 2407 §4.6.3.1)."""
    return tuple(_lifetime_attributes(*_lifetime_kinds(phase1), lifetime))


def read_lifetime(attributes: Sequence[Attribute], *, phase1: bool) -> Lifetime:
    """A lifetime out of RESPONDER-LIFETIME; parts that make no sense count as absent (FortiGate sends such)."""
    return _lifetime(attributes, *_lifetime_kinds(phase1))


# Shared


def _sa(proposals: Sequence[Proposal]) -> SA:
    return SA(Doi.IPSEC, SIT_IDENTITY_ONLY, tuple(proposals))


def _transforms(offer: SA, *protocols: Protocol) -> Iterable[tuple[Proposal, Transform]]:
    for proposal in offer.proposals:
        if proposal.protocol in protocols:
            for transform in proposal.transforms:
                yield proposal, transform


def _names(names: Iterable[str]) -> tuple[str, ...]:
    """Each once; a stranger's endless list does not become an endless event."""
    found = tuple(dict.fromkeys(names))
    left = len(found) - _MOST_NAMES
    return (*found[:_MOST_NAMES], f"and {left} more") if left > 0 else found


def _best(found: Sequence[tuple[int, int, Choice]], order: ProposalOrder) -> Choice | None:
    def rank(each: tuple[int, int, Choice]) -> int:
        ours, theirs, _ = each
        return ours if order is ProposalOrder.OURS else theirs

    return min(found, key=rank)[2] if found else None


def _usable_spi(spi: bytes) -> bool:
    """Four octets; 0 to 255 are reserved (RFC 4303 §2.1)."""
    return len(spi) == 4 and int.from_bytes(spi, "big") > 255


def _values(attributes: Sequence[Attribute], *repeatable: int) -> dict[int, int] | None:
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
