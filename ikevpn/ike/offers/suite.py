"""Phase 2: proposals to SA payloads and back. Proposals of one number are a suite, which is taken whole or not at all
(RFC 2408 §4.2): ESP, AH, or a bundle of both; and ESP with IPComp, which is never offered, and taken where a peer will
not do without: then what it sends may be compressed.

A bundle in tunnel mode has one outer IP header, with AH behind it and then ESP (RFC 4301 §4.5). Most implementations
call both protocols' mode "tunnel" then, some that of AH "transport"; we say the first and take both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby, product
from typing import NamedTuple

from ikevpn.crypto.tables import ESP_CIPHERS, GROUPS
from ikevpn.ike.offers import compression, select
from ikevpn.model.algorithm_names import AND
from ikevpn.model.proposal import IpsecProposal, Lifetime
from ikevpn.model.sa import Encapsulation, SaMode
from ikevpn.model.tunnel import NattDraft, ProposalOrder
from ikevpn.wire.payload import SA, Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import AhTransform, EspCipher, Group, Integrity, Ipsec, Mode, Protocol

_DEFAULT_LIFETIME_S = 28800  # RFC 2407 §4.5: assumed where no lifetime is given
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
_TRANSPORT_MODES = {Mode.TRANSPORT, Mode.UDP_TRANSPORT, Mode.UDP_TRANSPORT_DRAFT}
_PLAIN_MODES = {SaMode.TUNNEL: Mode.TUNNEL, SaMode.TRANSPORT: Mode.TRANSPORT}


class Part(NamedTuple):
    """One protocol of a suite, as the peer has put it. `spi` is its inbound SPI."""

    protocol: Protocol
    spi: bytes
    transform: Transform


@dataclass(frozen=True, slots=True)
class Choice:
    """A suite that both sides accept; `parts` in the order in which they came."""

    proposal: IpsecProposal
    lifetime: Lifetime
    number: int
    parts: tuple[Part, ...]

    @property
    def compressed(self) -> bool:
        """Whether IPComp is part of it."""
        return any(each.protocol is Protocol.IPCOMP for each in self.parts)

    def spi(self, protocol: Protocol) -> int:
        """Under which the peer wants to receive a protocol of the suite."""
        return next(int.from_bytes(part.spi, "big") for part in self.parts if part.protocol is protocol)

    def payload(self, spis: Mapping[Protocol, int]) -> SA:
        """The answer, with our inbound SPIs."""
        return select.payload_of(
            [
                Proposal(self.number, each.protocol, self._answered_spi(each, spis), (each.transform,))
                for each in self.parts
            ]
        )

    def _answered_spi(self, part: Part, spis: Mapping[Protocol, int]) -> bytes:
        if part.protocol is Protocol.IPCOMP:
            return compression.index_for(spis[Protocol.ESP], len(part.spi))
        return octets(spis[part.protocol])


def octets(spi: int) -> bytes:
    """An SPI as it travels."""
    return spi.to_bytes(4, "big")


def possible(proposals: Sequence[IpsecProposal], encapsulation: Encapsulation) -> tuple[IpsecProposal, ...]:
    """AH covers the addresses that a NAT changes, and has no encapsulation in UDP (RFC 3715 §2.1)."""
    return tuple(each for each in proposals if encapsulation is Encapsulation.NONE or not each.has_ah)


# Modes


def mode_for(mode: SaMode, encapsulation: Encapsulation, draft: NattDraft | None) -> Mode:
    """The encapsulation mode attribute (RFC 3947 §5.1; private numbers before the RFC)."""
    if encapsulation is Encapsulation.NONE:
        return _PLAIN_MODES[mode]
    return _UDP_MODES[mode, draft is not NattDraft.RFC]


def _modes(mode: SaMode, encapsulation: Encapsulation) -> set[Mode]:
    """What a peer may call our mode. Behind a NAT some say the plain word all the same; without one UDP is an error."""
    plain = {_PLAIN_MODES[mode]}
    return plain if encapsulation is Encapsulation.NONE else plain | {_UDP_MODES[mode, old] for old in (False, True)}


def with_pfs(proposals: Sequence[IpsecProposal]) -> tuple[IpsecProposal, ...]:
    """What we accept where the peer wants perfect forward secrecy and we would do without, with any group we have."""
    without = [each for each in proposals if not each.group]
    return tuple(_in_group(each, group) for each in without for group in GROUPS)


def _in_group(proposal: IpsecProposal, group: Group) -> IpsecProposal:
    around = replace(proposal.around, group=group) if proposal.around else None
    return replace(proposal, group=group, around=around)


def wants_transport(offer: SA) -> bool:
    """Whether all that a peer offers is transport mode, by whatever number."""
    said = (read(proposal.protocol, transform) for proposal in offer.proposals for transform in proposal.transforms)
    modes = {each[2] for each in said if each is not None}
    return bool(modes) and modes <= _TRANSPORT_MODES


# Our offer


def propose(proposals: Sequence[IpsecProposal], lifetime: Lifetime, spis: Mapping[Protocol, int], mode: Mode) -> SA:
    """Suites in turn. What follows each other and differs in ESP only, or in AH only, are alternatives within one."""
    wire = []
    kinds = groupby(proposals, lambda each: (each.protocol, each.around))
    for number, ((protocol, around), alike) in enumerate(kinds, 1):
        parts = [(around.protocol, [around])] if around else []  # the outermost first, as RFC 2408 §4.2.1 has them
        for part, alternatives in (*parts, (protocol, list(alike))):
            transforms = tuple(
                Transform(place, _transform_id(each), _attributes(each, lifetime, mode))
                for place, each in enumerate(alternatives, 1)
            )
            wire.append(Proposal(number, part, octets(spis[part]), transforms))
    return select.payload_of(wire)


def _transform_id(each: IpsecProposal) -> int:
    return _AH_TRANSFORMS[each.integrity] if each.protocol is Protocol.AH else each.cipher


def _attributes(each: IpsecProposal, lifetime: Lifetime, mode: Mode) -> tuple[Attribute, ...]:
    attributes = list(select.lifetime_attributes(lifetime, phase1=False))
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


# What a peer says


def read(protocol: Protocol, transform: Transform) -> tuple[IpsecProposal, Lifetime, Mode] | None:
    """What a transform says; None where it is not one that we could ever accept."""
    values = select.numbers_of(transform.attributes, Ipsec.LIFE_TYPE, Ipsec.LIFE_DURATION)
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
    lifetime = select.read_lifetime(transform.attributes, phase1=False)
    mode = Mode(values.get(Ipsec.MODE, Mode.TUNNEL))  # host-dependent by RFC 2407 §4.5; tunnel is what the field does
    return proposal, lifetime if lifetime.seconds else Lifetime(_DEFAULT_LIFETIME_S, lifetime.kilobytes), mode


def choose(
    offer: SA, accepted: Sequence[IpsecProposal], order: ProposalOrder, mode: SaMode, encapsulation: Encapsulation
) -> Choice | None:
    """The first suite on which both agree, by our order or by theirs, one without compression before all that have it.
    Suites of other protocols are passed over.
    """
    modes = _modes(mode, encapsulation)
    ours = {each: place for place, each in enumerate(dict.fromkeys(accepted))}
    theirs, found = count(), []
    for proposals in _suites(offer):
        for choice in _choices(_by_protocol(proposals), ours, modes):
            found.append((ours[choice.proposal], next(theirs), choice))
    plain = [each for each in found if not each[2].compressed]
    return select.best(plain or found, order)


def check(answer: SA, offered: Sequence[IpsecProposal], mode: SaMode, encapsulation: Encapsulation) -> Choice | None:
    """The responder's one choice; None where it is not exactly one or was never offered."""
    if len(_suites(answer)) != 1 or any(len(proposal.transforms) != 1 for proposal in answer.proposals):
        return None
    choice = choose(answer, offered, ProposalOrder.THEIRS, mode, encapsulation)
    return None if choice is None or choice.compressed else choice


def names(offer: SA) -> tuple[str, ...]:
    """What was offered, in words."""
    return select.names_of(name for proposals in _suites(offer) for name in _names(proposals))


def compresses(offer: SA) -> bool:
    """Whether IPComp is offered, with or without an alternative."""
    return any(each.protocol is Protocol.IPCOMP for each in offer.proposals)


def only_compressed(offer: SA) -> bool:
    """Whether every suite has IPComp in it, and with no algorithm of ours."""
    return all(
        (ipcomp := _by_protocol(each).get(Protocol.IPCOMP)) and compression.acceptable(ipcomp, set(Mode)) is None
        for each in _suites(offer)
    )


def _suites(offer: SA) -> list[list[Proposal]]:
    """Proposals by their number."""
    by_number: dict[int, list[Proposal]] = {}
    for proposal in offer.proposals:
        by_number.setdefault(proposal.number, []).append(proposal)
    return list(by_number.values())


def _by_protocol(proposals: Sequence[Proposal]) -> dict[Protocol, Proposal]:
    """ESP, AH or both, or ESP compressed, in the order in which they came; nothing where it is another suite."""
    suite = {each.protocol: each for each in proposals}
    known = len(suite) == len(proposals) and suite.keys() <= {Protocol.ESP, Protocol.AH, Protocol.IPCOMP}
    return suite if known and (Protocol.ESP in suite or Protocol.IPCOMP not in suite) else {}


def _choices(
    suite: Mapping[Protocol, Proposal], accepted: Collection[IpsecProposal], modes: set[Mode]
) -> Iterator[Choice]:
    """What is acceptable in one suite. Of transforms that say the same the first counts."""
    ipcomp = suite.get(Protocol.IPCOMP)
    if ipcomp is None:
        yield from _uncompressed(suite, accepted, modes)
        return
    transform = compression.acceptable(ipcomp, modes)
    if transform is None:
        return
    rest = {protocol: each for protocol, each in suite.items() if each is not ipcomp}
    for choice in _uncompressed(rest, accepted, compression.modes_inside(modes)):
        parts = {part.protocol: part for part in (*choice.parts, Part(Protocol.IPCOMP, ipcomp.spi, transform))}
        yield replace(choice, parts=tuple(parts[protocol] for protocol in suite))


def _uncompressed(
    suite: Mapping[Protocol, Proposal], accepted: Collection[IpsecProposal], modes: set[Mode]
) -> Iterator[Choice]:
    """The same for ESP, AH or both."""
    wanted = {Protocol.ESP: {replace(each, around=None) for each in accepted}, Protocol.AH: set(accepted)}
    if len(suite) > 1:
        wanted[Protocol.AH] = {each.around for each in accepted if each.around}
        around = modes | ({Mode.TRANSPORT} if Mode.TUNNEL in modes else set())
    else:
        around = modes
    usable = {
        protocol: list(_usable(proposal, wanted[protocol], around if protocol is Protocol.AH else modes))
        for protocol, proposal in suite.items()
    }
    number = next((proposal.number for proposal in suite.values()), 0)
    for several in product(*usable.values()) if usable else ():
        inner, *outer = sorted(several, key=lambda each: each.proposal.protocol is Protocol.AH)
        whole = replace(inner.proposal, around=outer[0].proposal) if outer else inner.proposal
        lifetime = inner.lifetime.shorter(outer[0].lifetime) if outer else inner.lifetime
        if whole in accepted:
            yield Choice(whole, lifetime, number, tuple(each.part for each in several))


class _Usable(NamedTuple):
    proposal: IpsecProposal
    lifetime: Lifetime
    part: Part


def _usable(proposal: Proposal, wanted: set[IpsecProposal], modes: set[Mode]) -> Iterator[_Usable]:
    """Alternatives of one protocol, each once: what a stranger offers a hundred times costs no more than once."""
    left = set(wanted) if _usable_spi(proposal.spi) else set()
    for transform in proposal.transforms:
        said = read(proposal.protocol, transform)
        if said is not None and said[0] in left and said[2] in modes:
            left.remove(said[0])
            yield _Usable(said[0], said[1], Part(proposal.protocol, proposal.spi, transform))


def _usable_spi(spi: bytes) -> bool:
    """Four octets; 0 to 255 are reserved (RFC 4303 §2.1)."""
    return len(spi) == 4 and int.from_bytes(spi, "big") > 255


def _names(proposals: Sequence[Proposal]) -> Iterable[str]:
    """Each alternative; of a bundle each with each, as far as there are not too many."""
    suite = _by_protocol(proposals)
    if not suite:
        return ["+".join(proposal.protocol.label for proposal in proposals)]
    if (ipcomp := suite.get(Protocol.IPCOMP)) is not None:
        rest = [each for each in proposals if each is not ipcomp]
        return [f"{name}{AND}{compression.label(ipcomp)}" for name in _names(rest)]
    reads = {protocol: _reads(proposal) for protocol, proposal in suite.items()}
    if len(suite) == 1:
        return (str(each or "unknown") for each in next(iter(reads.values())))
    most = select.MOST_NAMES
    pairs = product(reads[Protocol.ESP][:most], reads[Protocol.AH][:most])
    return (str(replace(esp, around=ah)) if esp and ah else "unknown" for esp, ah in pairs)


def _reads(proposal: Proposal) -> list[IpsecProposal | None]:
    said = (read(proposal.protocol, transform) for transform in proposal.transforms)
    return list(dict.fromkeys(each and each[0] for each in said))
