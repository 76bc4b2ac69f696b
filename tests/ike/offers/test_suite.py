"""Phase 2 proposals to SA payloads and back. Proposals of one number are taken together, or not at all."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.ike.offers import suite
from ikevpn.model.proposal import IpsecProposal, Lifetime
from ikevpn.model.proposal_name import read_ipsec
from ikevpn.model.sa import Encapsulation, SaMode
from ikevpn.model.tunnel import NattDraft, ProposalOrder
from ikevpn.wire.payload import SA, Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import Doi, EspCipher, Group, Integrity, Ipsec, Mode, Protocol

OURS, THEIRS = ProposalOrder.OURS, ProposalOrder.THEIRS
NONE, UDP = Encapsulation.NONE, Encapsulation.UDP
ESP = IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1)
GCM = IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 256, Integrity.NONE)
AH = IpsecProposal(Protocol.AH, EspCipher.NULL, 0, Integrity.HMAC_SHA2_256)
BOTH = replace(ESP, around=AH)
SPI = b"\x12\x34\x56\x78"
OWN = {Protocol.ESP: 0x12345678, Protocol.AH: 0x23456789}


def basic(kind: int, number: int) -> Attribute:
    return Attribute.of(kind, number)


def long(kind: int, number: int, size: int = 4) -> Attribute:
    return Attribute.variable(kind, number.to_bytes(size, "big"))


def phase2(*attributes: Attribute, protocol: Protocol = Protocol.ESP, kind: int = 12, spi: bytes = SPI) -> SA:
    return SA(Doi.IPSEC, 1, (Proposal(1, protocol, spi, (Transform(1, kind, attributes),)),))


ESP_ATTRIBUTES = (basic(Ipsec.MODE, 1), basic(Ipsec.AUTHENTICATION, 2), basic(Ipsec.KEY_LENGTH, 128))


def picked(
    offer: SA, *accepted: IpsecProposal, order: ProposalOrder = OURS, mode: SaMode = SaMode.TUNNEL,
    encapsulation: Encapsulation = NONE,
) -> IpsecProposal | None:  # fmt: skip
    choice = suite.choose(offer, accepted, order, mode, encapsulation)
    return choice.proposal if choice else None


# There and back


@pytest.mark.parametrize(
    "proposal", [ESP, GCM, AH, replace(ESP, group=Group.MODP_2048, extended_sequence_numbers=True)]
)
def test_what_we_offer_in_phase_2_we_can_read(proposal: IpsecProposal) -> None:
    lifetime = Lifetime(100_000, 250_000)
    offer = suite.propose([proposal], lifetime, OWN, Mode.TUNNEL)
    choice = suite.check(offer, [proposal], SaMode.TUNNEL, NONE)
    assert choice is not None and (choice.proposal, choice.lifetime) == (proposal, lifetime)
    assert choice.spi(proposal.protocol) == OWN[proposal.protocol]
    answer = choice.payload({proposal.protocol: 0x87654321})
    assert [each.spi for each in answer.proposals] == [b"\x87\x65\x43\x21"]
    assert suite.names(offer) == (str(proposal),)


def test_protocols_become_proposals_of_their_own() -> None:
    offer = suite.propose([ESP, GCM, AH], Lifetime(60), OWN, Mode.TUNNEL)
    assert [(each.number, each.protocol, len(each.transforms)) for each in offer.proposals] == [
        (1, Protocol.ESP, 2),
        (2, Protocol.AH, 1),
    ]


# What a peer may say


def test_phase_2_values() -> None:
    assert picked(phase2(*ESP_ATTRIBUTES), ESP) == ESP
    assert picked(phase2(*reversed(ESP_ATTRIBUTES)), GCM, ESP) == ESP
    assert picked(phase2(*(long(each.type, each.number) for each in ESP_ATTRIBUTES)), ESP) == ESP
    assert picked(phase2(*ESP_ATTRIBUTES[:2]), ESP) == ESP  # AES without a length means 128
    assert picked(phase2(*ESP_ATTRIBUTES, basic(Ipsec.AUTHENTICATION, 5)), ESP) is None
    assert picked(phase2(*ESP_ATTRIBUTES, basic(Ipsec.EXTENDED_SEQUENCE_NUMBERS, 1)), ESP) is None
    assert picked(phase2(*ESP_ATTRIBUTES, basic(Ipsec.GROUP, 2)), ESP) is None
    assert picked(phase2(*ESP_ATTRIBUTES[1:]), ESP) == ESP  # no mode: tunnel


def test_the_order_of_phase_2() -> None:
    offer = suite.propose([ESP, GCM], Lifetime(60), OWN, Mode.TUNNEL)
    assert picked(offer, GCM, ESP) == GCM and picked(offer, GCM, ESP, order=THEIRS) == ESP


@pytest.mark.parametrize("spi", [b"", b"\x00\x00\x00\x00", b"\x00\x00\x00\xff", b"\x01\x00", bytes(5)])
def test_unusable_spis(spi: bytes) -> None:
    assert picked(phase2(*ESP_ATTRIBUTES, spi=spi), ESP) is None


def test_aead_and_authentication_do_not_go_together() -> None:
    gcm = (basic(Ipsec.MODE, 1), basic(Ipsec.KEY_LENGTH, 256))
    assert picked(phase2(*gcm, kind=20), GCM) == GCM
    assert picked(phase2(*gcm, basic(Ipsec.AUTHENTICATION, 2), kind=20), GCM) is None


def test_ah_must_say_the_same_twice() -> None:
    sha256 = (basic(Ipsec.MODE, 1), basic(Ipsec.AUTHENTICATION, 5))
    assert picked(phase2(*sha256, protocol=Protocol.AH, kind=5), AH) == AH
    assert picked(phase2(*sha256, protocol=Protocol.AH, kind=3), AH) is None
    assert picked(phase2(basic(Ipsec.MODE, 1), protocol=Protocol.AH, kind=5), AH) is None


def test_suites_of_other_protocols_are_passed_over() -> None:
    esp = phase2(*ESP_ATTRIBUTES).proposals[0]
    compressed = replace(esp, protocol=Protocol.IPCOMP)
    alone = replace(esp, number=2, spi=b"\x11\x11\x11\x11")
    choice = suite.choose(SA(Doi.IPSEC, 1, (esp, compressed, alone)), [ESP], OURS, SaMode.TUNNEL, NONE)
    assert choice is not None and choice.number == 2 and choice.spi(Protocol.ESP) == 0x11111111


@pytest.mark.parametrize(
    ("mode", "number", "plain", "udp"),
    [
        (SaMode.TUNNEL, 1, True, True),
        (SaMode.TUNNEL, 3, False, True),
        (SaMode.TUNNEL, 61443, False, True),
        (SaMode.TUNNEL, 2, False, False),
        (SaMode.TUNNEL, 4, False, False),
        (SaMode.TRANSPORT, 2, True, True),
        (SaMode.TRANSPORT, 4, False, True),
        (SaMode.TRANSPORT, 61444, False, True),
        (SaMode.TRANSPORT, 1, False, False),
        (SaMode.TUNNEL, 61440, False, False),
    ],
)
def test_modes(mode: SaMode, number: int, plain: bool, udp: bool) -> None:
    """With a NAT some peers say the plain word all the same; without one, UDP would leave one side deaf."""
    offer = phase2(basic(Ipsec.MODE, number), *ESP_ATTRIBUTES[1:])
    assert (picked(offer, ESP, mode=mode) is not None) is plain
    assert (picked(offer, ESP, mode=mode, encapsulation=UDP) is not None) is udp


def test_how_we_call_our_mode() -> None:
    assert suite.mode_for(SaMode.TUNNEL, NONE, None) is Mode.TUNNEL
    assert suite.mode_for(SaMode.TRANSPORT, UDP, NattDraft.RFC) is Mode.UDP_TRANSPORT
    assert suite.mode_for(SaMode.TUNNEL, Encapsulation.UDP_NON_IKE, NattDraft.DRAFT_00) is Mode.UDP_TUNNEL_DRAFT


def test_without_a_lifetime_phase_2_lasts_eight_hours() -> None:
    choice = suite.choose(phase2(*ESP_ATTRIBUTES), [ESP], OURS, SaMode.TUNNEL, NONE)
    assert choice is not None and choice.lifetime == Lifetime(28800)


# Bundles


def offered(*names: str, mode: Mode = Mode.TUNNEL) -> SA:
    return suite.propose([read_ipsec(name) for name in names], Lifetime(60), OWN, mode)


def said(offer: SA, *names: str, **options: object) -> str | None:
    found = picked(offer, *(read_ipsec(name) for name in names), **options)  # type: ignore[arg-type]
    return None if found is None else str(found)


def changed(offer: SA, protocol: Protocol, **changes: object) -> SA:
    """The same offer with the proposals of one protocol changed."""
    wire = (replace(each, **changes) if each.protocol is protocol else each for each in offer.proposals)  # type: ignore[arg-type]
    return replace(offer, proposals=tuple(wire))


def with_attribute(offer: SA, protocol: Protocol, kind: int, number: int) -> SA:
    wire = []
    for each in offer.proposals:
        (transform,) = each.transforms
        kept = tuple(attribute for attribute in transform.attributes if attribute.type != kind)
        altered = replace(each, transforms=(replace(transform, attributes=(*kept, basic(kind, number))),))
        wire.append(altered if each.protocol is protocol else each)
    return replace(offer, proposals=tuple(wire))


def test_a_bundle_is_two_proposals_of_one_number_each_with_its_spi() -> None:
    offer = offered("g14-esp-aes128-sha+ah-sha256")
    assert [(each.number, each.protocol, each.spi) for each in offer.proposals] == [
        (1, Protocol.AH, b"\x23\x45\x67\x89"),
        (1, Protocol.ESP, SPI),
    ]
    for each in offer.proposals:
        (transform,) = each.transforms
        values = {attribute.type: attribute.number for attribute in transform.attributes}
        assert values[Ipsec.GROUP] == 14 and values[Ipsec.MODE] == Mode.TUNNEL


@pytest.mark.parametrize("order", ProposalOrder)
def test_the_answer_has_both_with_our_spis_in_the_order_in_which_they_came(order: ProposalOrder) -> None:
    theirs = offered("nopfs-esp-aes128-sha+ah-sha256")
    for offer in (theirs, replace(theirs, proposals=theirs.proposals[::-1])):
        choice = suite.choose(offer, [ESP, BOTH], order, SaMode.TUNNEL, NONE)
        assert choice is not None and choice.proposal == BOTH
        assert (choice.spi(Protocol.ESP), choice.spi(Protocol.AH)) == (0x12345678, 0x23456789)
        answer = choice.payload({Protocol.ESP: 0x1111, Protocol.AH: 0x2222})
        assert [(each.number, each.protocol) for each in answer.proposals] == [
            (each.number, each.protocol) for each in offer.proposals
        ]
        assert {each.protocol: each.spi[-1] for each in answer.proposals} == {Protocol.ESP: 0x11, Protocol.AH: 0x22}
        checked = suite.check(answer, [ESP, BOTH], SaMode.TUNNEL, NONE)
        assert checked is not None and checked.proposal == BOTH and checked.spi(Protocol.AH) == 0x2222


def test_what_differs_in_esp_only_is_one_number() -> None:
    names = (
        "g2-esp-aes128-sha+ah-sha",
        "g2-esp-3des-sha+ah-sha",
        "g2-esp-3des-sha+ah-md5",
        "g2-esp-3des-sha",
        "g2-ah-md5",
    )
    offer = offered(*names)
    assert [(each.number, each.protocol.label, len(each.transforms)) for each in offer.proposals] == [
        (1, "ah", 1),
        (1, "esp", 2),
        (2, "ah", 1),
        (2, "esp", 1),
        (3, "esp", 1),
        (4, "ah", 1),
    ]
    assert suite.names(offer) == names
    for name in names:
        assert said(offer, name) == name
    assert said(offer, *names[::-1]) == names[-1] and said(offer, *names[::-1], order=THEIRS) == names[0]


def test_alternatives_of_both_protocols_are_each_with_each() -> None:
    """What a peer may offer under one number, though we would not."""
    esp = offered("g2-esp-aes128-sha", "g2-esp-3des-md5").proposals[0]
    ah = replace(offered("g2-ah-sha", "g2-ah-md5").proposals[0], number=1)
    offer = SA(Doi.IPSEC, 1, (esp, ah))
    names = [f"g2-{one}+{two}" for one, two in product(("esp-aes128-sha", "esp-3des-md5"), ("ah-sha", "ah-md5"))]
    assert suite.names(offer) == tuple(names)
    assert [said(offer, name) for name in names] == names
    assert said(offer, names[3], names[0]) == names[3] and said(offer, names[3], names[0], order=THEIRS) == names[0]


def test_half_a_bundle_is_none() -> None:
    offer = offered("nopfs-esp-aes128-sha+ah-sha256")
    assert picked(offer, ESP) is None and picked(offer, AH) is None, "the suite is more than that"
    assert picked(offered("nopfs-esp-aes128-sha"), BOTH) is None and picked(offered("nopfs-ah-sha256"), BOTH) is None
    assert said(offer, "nopfs-esp-aes128-sha+ah-sha") is None and said(offer, "nopfs-esp-3des-sha+ah-sha256") is None
    assert said(offer, "g2-esp-aes128-sha+ah-sha256") is None
    two = offered("nopfs-esp-aes128-sha", "nopfs-ah-sha256")
    assert picked(two, BOTH) is None, "they are alternatives"


@pytest.mark.parametrize("protocol", [Protocol.ESP, Protocol.AH])
def test_both_halves_must_be_right(protocol: Protocol) -> None:
    offer = offered("nopfs-esp-aes128-sha+ah-sha256")
    assert picked(offer, BOTH) == BOTH
    assert picked(changed(offer, protocol, spi=b"\0\0\0\1"), BOTH) is None
    assert picked(changed(offer, protocol, transforms=()), BOTH) is None
    assert picked(with_attribute(offer, protocol, Ipsec.GROUP, 2), BOTH) is None
    assert picked(with_attribute(offer, protocol, Ipsec.EXTENDED_SEQUENCE_NUMBERS, 1), BOTH) is None
    third = replace(offer.proposals[0], protocol=Protocol.IPCOMP)
    assert picked(replace(offer, proposals=(*offer.proposals, third)), BOTH) is None
    twice = next(each for each in offer.proposals if each.protocol is protocol)
    assert picked(replace(offer, proposals=(*offer.proposals, twice)), BOTH) is None


@pytest.mark.parametrize(
    ("ours", "esp", "ah", "taken"),
    [
        (SaMode.TUNNEL, Mode.TUNNEL, Mode.TUNNEL, True),
        (SaMode.TUNNEL, Mode.TUNNEL, Mode.TRANSPORT, True),
        (SaMode.TUNNEL, Mode.TRANSPORT, Mode.TUNNEL, False),
        (SaMode.TUNNEL, Mode.TRANSPORT, Mode.TRANSPORT, False),
        (SaMode.TUNNEL, Mode.UDP_TUNNEL, Mode.UDP_TUNNEL, False),
        (SaMode.TRANSPORT, Mode.TRANSPORT, Mode.TRANSPORT, True),
        (SaMode.TRANSPORT, Mode.TRANSPORT, Mode.TUNNEL, False),
        (SaMode.TRANSPORT, Mode.TUNNEL, Mode.TRANSPORT, False),
    ],
)
def test_ah_around_a_tunnel_is_called_tunnel_or_transport(ours: SaMode, esp: Mode, ah: Mode, taken: bool) -> None:
    offer = with_attribute(offered("nopfs-esp-aes128-sha+ah-sha256", mode=esp), Protocol.AH, Ipsec.MODE, ah)
    assert (picked(offer, BOTH, mode=ours) is not None) is taken


def test_the_shorter_life_of_both_counts() -> None:
    both = offered("nopfs-esp-aes128-sha+ah-sha256")
    short = suite.propose([AH], Lifetime(30, 5000), OWN, Mode.TUNNEL).proposals[0]
    offer = changed(both, Protocol.AH, transforms=short.transforms)
    choice = suite.choose(offer, [BOTH], OURS, SaMode.TUNNEL, NONE)
    assert choice is not None and choice.lifetime == Lifetime(30, 5000)


def test_an_answer_is_one_suite() -> None:
    both = offered("nopfs-esp-aes128-sha+ah-sha256")
    accepted = [BOTH, ESP, AH]
    assert suite.check(both, accepted, SaMode.TUNNEL, NONE) is not None
    other = replace(both, proposals=(both.proposals[0], replace(both.proposals[1], number=2)))
    assert suite.check(other, accepted, SaMode.TUNNEL, NONE) is None
    more = replace(both.proposals[1], transforms=both.proposals[1].transforms * 2)
    assert suite.check(replace(both, proposals=(both.proposals[0], more)), accepted, SaMode.TUNNEL, NONE) is None
    alone = replace(both, proposals=both.proposals[:1])
    assert suite.check(alone, [BOTH], SaMode.TUNNEL, NONE) is None, "half of what was offered"


def test_an_endless_bundle_costs_little() -> None:
    """Transforms that say the same, and such that nobody accepts, are not combined with each other."""
    both = offered("nopfs-esp-aes128-sha+ah-sha256")
    many = tuple(replace(each, transforms=each.transforms * 255) for each in both.proposals)
    offer = replace(both, proposals=many)
    assert picked(offer, BOTH) == BOTH and suite.names(offer) == (str(BOTH),)


def test_a_bundle_of_many_alternatives_costs_no_more_than_its_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer offers all that it can, and each pair of ESP and AH is looked up among all that we accept."""
    kinds = (Integrity.HMAC_SHA1, Integrity.HMAC_SHA2_256, Integrity.HMAC_SHA2_512)
    accepted = suite.with_pfs(
        [
            replace(BOTH, key_bits=bits, integrity=one, around=replace(AH, integrity=other))
            for bits, one, other in product((128, 192, 256), kinds, kinds)
        ]
    )
    some = [each for each in accepted if each.group in (Group.MODP_2048, Group.ECP_256)]
    offer = suite.propose(some, Lifetime(3600), OWN, Mode.TUNNEL)
    parts = [
        Proposal(1, protocol, SPI, tuple(each for part in offer.proposals if part.protocol is protocol
                                         for each in part.transforms))
        for protocol in (Protocol.AH, Protocol.ESP)
    ]  # fmt: skip
    pairs = 1
    for part in parts:
        pairs *= len({each.attributes for each in part.transforms})
    compare, compared = IpsecProposal.__eq__, [0]

    def counting(one: IpsecProposal, other: object) -> bool:
        compared[0] += 1
        return compare(one, other)

    monkeypatch.setattr(IpsecProposal, "__eq__", counting)
    assert picked(replace(offer, proposals=tuple(parts)), *accepted) in some
    assert compared[0] < 10 * pairs


def test_what_cannot_be_taken_is_named() -> None:
    esp, ah = phase2(*ESP_ATTRIBUTES), phase2(basic(Ipsec.MODE, 1), protocol=Protocol.AH, kind=5)
    assert suite.names(replace(esp, proposals=(*esp.proposals, *ah.proposals))) == ("unknown",)
    compressed = replace(esp.proposals[0], protocol=Protocol.IPCOMP)
    assert suite.names(replace(esp, proposals=(*esp.proposals, compressed))) == (f"{ESP}+ipcomp-unknown-12",)
    assert suite.names(replace(esp, proposals=(compressed,))) == ("ipcomp",)


def test_ah_of_any_kind_is_not_for_udp() -> None:
    assert suite.possible([BOTH, AH, ESP], NONE) == (BOTH, AH, ESP)
    assert suite.possible([BOTH, AH, ESP], UDP) == (ESP,)


# Any offer


_NAMES = ("nopfs-esp-aes128-sha", "nopfs-esp-3des-md5", "nopfs-ah-sha", "nopfs-ah-sha256")
_ACCEPTED = [read_ipsec(name) for name in (*_NAMES, *(f"{_NAMES[0]}+{end}" for end in ("ah-sha", "ah-sha256")))]


def _transforms(protocol: Protocol) -> st.SearchStrategy[tuple[Transform, ...]]:
    kinds = [read_ipsec(name) for name in _NAMES]
    known = [suite.propose([each], Lifetime(60), OWN, mode).proposals[0].transforms[0]
             for each in kinds for mode in (Mode.TUNNEL, Mode.TRANSPORT) if each.protocol is protocol]  # fmt: skip
    return st.lists(st.sampled_from(known or [Transform(1, 1, ())]), max_size=4).map(tuple)


_PROTOCOLS = st.sampled_from([Protocol.ESP, Protocol.ESP, Protocol.AH, Protocol.AH, Protocol.IPCOMP])
_OFFERS = st.lists(
    _PROTOCOLS.flatmap(
        lambda protocol: st.builds(
            Proposal, st.integers(1, 3), st.just(protocol), st.sampled_from([SPI, b"\0\0\0\7"]), _transforms(protocol)
        )
    ),
    max_size=6,
).map(lambda proposals: SA(Doi.IPSEC, 1, tuple(proposals)))


def _reference(offer: SA) -> set[str]:
    """All that could be chosen, one combination after the other."""
    found = set()
    for number in {each.number for each in offer.proposals}:
        group = [each for each in offer.proposals if each.number == number]
        protocols = [each.protocol for each in group]
        if len(set(protocols)) < len(protocols) or not set(protocols) <= {Protocol.ESP, Protocol.AH}:
            continue
        for transforms in product(*(each.transforms for each in group)):
            said = [suite.read(each.protocol, transform) for each, transform in zip(group, transforms, strict=True)]
            modes = {each.protocol: what[2] for each, what in zip(group, said, strict=True) if what}
            right = all(mode is Mode.TUNNEL or (len(group) == 2 and protocol is Protocol.AH)
                        for protocol, mode in modes.items())  # fmt: skip
            if right and all(each.spi == SPI for each in group):
                names = [str(what[0]) for what in said if what]
                names.sort(key=lambda name: "-ah-" in name)
                found.add("+".join([names[0], *(name.removeprefix("nopfs-") for name in names[1:])]))
    return found & set(map(str, _ACCEPTED))


@given(_OFFERS, st.sampled_from(ProposalOrder))
def test_what_is_chosen_of_any_offer_is_the_best_that_could_be(offer: SA, order: ProposalOrder) -> None:
    choice = suite.choose(offer, _ACCEPTED, order, SaMode.TUNNEL, NONE)
    possible = _reference(offer)
    assert (choice is not None) == bool(possible)
    if choice is None:
        return
    assert str(choice.proposal) in possible and choice.proposal in _ACCEPTED
    if order is OURS:
        assert str(choice.proposal) == next(str(each) for each in _ACCEPTED if str(each) in possible)
    answer = choice.payload(OWN)
    assert suite.check(answer, _ACCEPTED, SaMode.TUNNEL, NONE) is not None
    assert {each.protocol for each in answer.proposals} == (
        {Protocol.ESP, Protocol.AH} if choice.proposal.around else {choice.proposal.protocol}
    )
