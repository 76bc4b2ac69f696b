"""Proposals to SA payloads and back: values are compared, in whatever form and order they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.ike import select
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import Encapsulation, SaMode
from ikevpn.model.tunnel import NattDraft, ProposalOrder
from ikevpn.wire.attributes import Attribute
from ikevpn.wire.payload import SA, Proposal, Transform
from ikevpn.wire.registry import (
    Auth,
    Doi,
    EspCipher,
    Group,
    Hash,
    Ike,
    IkeCipher,
    Integrity,
    Ipsec,
    Mode,
    Protocol,
)
from tests.ike.test_transcripts import first_payload

OURS, THEIRS = ProposalOrder.OURS, ProposalOrder.THEIRS
NONE, UDP = Encapsulation.NONE, Encapsulation.UDP
AES = IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_1024)
STRONG = IkeProposal(IkeCipher.AES_CBC, 256, Hash.SHA2_256, Group.MODP_2048)
TRIPLE = IkeProposal(IkeCipher.TRIPLE_DES_CBC, 0, Hash.SHA1, Group.MODP_1024)
ESP = IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1)
GCM = IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 256, Integrity.NONE)
AH = IpsecProposal(Protocol.AH, EspCipher.NULL, 0, Integrity.HMAC_SHA2_256)
SPI = b"\x12\x34\x56\x78"


def basic(kind: int, number: int) -> Attribute:
    return Attribute.of(kind, number)


def long(kind: int, number: int, size: int = 4) -> Attribute:
    return Attribute.variable(kind, number.to_bytes(size, "big"))


def phase1(*attributes: Attribute, number: int = 1) -> SA:
    return SA(Doi.IPSEC, 1, (Proposal(number, Protocol.ISAKMP, b"", (Transform(1, 1, attributes),)),))


def phase2(*attributes: Attribute, protocol: Protocol = Protocol.ESP, kind: int = 12, spi: bytes = SPI) -> SA:
    return SA(Doi.IPSEC, 1, (Proposal(1, protocol, spi, (Transform(1, kind, attributes),)),))


AES_ATTRIBUTES = (
    basic(Ike.ENCRYPTION, 7),
    basic(Ike.KEY_LENGTH, 128),
    basic(Ike.HASH, 2),
    basic(Ike.GROUP, 2),
    basic(Ike.AUTHENTICATION, 1),
)
ESP_ATTRIBUTES = (basic(Ipsec.MODE, 1), basic(Ipsec.AUTHENTICATION, 2), basic(Ipsec.KEY_LENGTH, 128))


def chosen(offer: SA, *accepted: IkeProposal, order: ProposalOrder = OURS) -> IkeProposal | None:
    choice = select.choose_ike(offer, accepted, order)
    return choice.proposal if choice else None


def picked(
    offer: SA, *accepted: IpsecProposal, order: ProposalOrder = OURS, mode: SaMode = SaMode.TUNNEL,
    encapsulation: Encapsulation = NONE,
) -> IpsecProposal | None:  # fmt: skip
    choice = select.choose_ipsec(offer, accepted, order, mode, encapsulation)
    return choice.proposal if choice else None


# There and back


_IKE = st.builds(
    IkeProposal,
    st.just(IkeCipher.AES_CBC),
    st.sampled_from([128, 192, 256]),
    st.sampled_from([Hash.MD5, Hash.SHA1, Hash.SHA2_256]),
    st.sampled_from([Group.MODP_768, Group.MODP_2048, Group.ECP_256]),
)
_LIFETIMES = st.builds(Lifetime, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


@given(st.lists(_IKE, min_size=1, max_size=8, unique=True), _LIFETIMES)
def test_what_we_offer_in_phase_1_we_can_read(proposals: list[IkeProposal], lifetime: Lifetime) -> None:
    offer = select.offer_ike(proposals, lifetime)
    (proposal,) = offer.proposals
    assert [select.read_ike(each) for each in proposal.transforms] == [(each, lifetime) for each in proposals]
    assert select.names_ike(offer) == tuple(map(str, proposals))


@pytest.mark.parametrize(
    "proposal", [ESP, GCM, AH, replace(ESP, group=Group.MODP_2048, extended_sequence_numbers=True)]
)
def test_what_we_offer_in_phase_2_we_can_read(proposal: IpsecProposal) -> None:
    lifetime = Lifetime(100_000, 250_000)
    offer = select.offer_ipsec([proposal], lifetime, SPI, Mode.TUNNEL)
    choice = select.check_ipsec(offer, [proposal], SaMode.TUNNEL, NONE)
    assert choice is not None and (choice.proposal, choice.lifetime, choice.spi) == (proposal, lifetime, SPI)
    assert choice.payload(b"\x87\x65\x43\x21").proposals[0].spi == b"\x87\x65\x43\x21"


def test_protocols_become_proposals_of_their_own() -> None:
    offer = select.offer_ipsec([ESP, GCM, AH], Lifetime(60), SPI, Mode.TUNNEL)
    assert [(each.number, each.protocol, len(each.transforms)) for each in offer.proposals] == [
        (1, Protocol.ESP, 2),
        (2, Protocol.AH, 1),
    ]


# Phase 1


def test_our_order_or_theirs() -> None:
    offer = select.offer_ike([TRIPLE, AES, STRONG], Lifetime(60))
    assert chosen(offer, STRONG, AES, TRIPLE) == STRONG
    assert chosen(offer, STRONG, AES, TRIPLE, order=THEIRS) == TRIPLE
    assert chosen(offer, replace(AES, key_bits=192)) is None


def test_attributes_come_in_any_order_and_form() -> None:
    assert chosen(phase1(*reversed(AES_ATTRIBUTES)), AES) == AES
    assert chosen(phase1(*(long(each.type, each.number) for each in AES_ATTRIBUTES)), AES) == AES
    assert chosen(phase1(*(long(each.type, each.number, 1) for each in AES_ATTRIBUTES)), AES) == AES


def test_the_answer_is_what_came() -> None:
    offer = phase1(*(long(each.type, each.number) for each in AES_ATTRIBUTES), number=7)
    choice = select.choose_ike(offer, [AES], OURS)
    assert choice is not None and choice.payload == offer


def test_the_group_has_a_default() -> None:
    without = [each for each in AES_ATTRIBUTES if each.type != Ike.GROUP]
    assert chosen(phase1(*without), replace(AES, group=Group.MODP_768)) is not None
    assert chosen(phase1(*without), AES) is None


def test_key_lengths() -> None:
    without = [each for each in AES_ATTRIBUTES if each.type != Ike.KEY_LENGTH]
    assert chosen(phase1(*without), AES) == AES  # not sent: the cipher's default
    assert chosen(phase1(*without), replace(AES, key_bits=256)) is None
    triple = (basic(1, 5), basic(2, 2), basic(3, 1), basic(4, 2))
    assert chosen(phase1(*triple, basic(Ike.KEY_LENGTH, 192)), TRIPLE) == TRIPLE  # forbidden, and ignored


@pytest.mark.parametrize(
    "attributes",
    [
        (),
        AES_ATTRIBUTES[1:],
        (*AES_ATTRIBUTES, basic(Ike.HASH, 4)),  # says two things
        (*AES_ATTRIBUTES[:2], long(Ike.HASH, 2, 9), *AES_ATTRIBUTES[3:]),  # no number
        (*AES_ATTRIBUTES, basic(Ike.PRF, 1)),
        (*AES_ATTRIBUTES, Attribute.variable(Ike.GROUP_PRIME, b"\x01" * 96)),
        (*AES_ATTRIBUTES, long(Ike.GROUP_GENERATOR_ONE, 2)),
        (basic(1, 65000), *AES_ATTRIBUTES[1:]),
        (basic(1, 7), basic(2, 2), basic(3, 65001), basic(4, 2), basic(14, 128)),
    ],
)
def test_transforms_that_are_passed_over(attributes: tuple[Attribute, ...]) -> None:
    assert chosen(phase1(*attributes), AES) is None
    assert select.names_ike(phase1(*attributes))


def test_repeated_attributes_that_agree() -> None:
    assert chosen(phase1(*AES_ATTRIBUTES, *AES_ATTRIBUTES), AES) == AES


def test_other_transform_ids_and_protocols_are_passed_over() -> None:
    good = phase1(*AES_ATTRIBUTES).proposals[0]
    other = replace(good, transforms=(replace(good.transforms[0], id=2),))
    assert chosen(SA(Doi.IPSEC, 1, (other,)), AES) is None
    assert chosen(SA(Doi.IPSEC, 1, (replace(good, protocol=Protocol.ESP),)), AES) is None
    assert chosen(SA(Doi.IPSEC, 1, (other, good)), AES) == AES


def test_the_answer_must_be_one_of_ours() -> None:
    one, two = select.offer_ike([AES], Lifetime()), select.offer_ike([AES, STRONG], Lifetime())
    assert select.check_ike(one, [AES, STRONG]) is not None
    assert select.check_ike(one, [STRONG]) is None
    assert select.check_ike(two, [AES, STRONG]) is None
    assert select.check_ike(SA(Doi.IPSEC, 1, ()), [AES]) is None


def test_windows_offers_five() -> None:
    """What Windows 10 sends for L2TP, lifetimes in four octets."""
    rows = (
        (7, 2, 20, 256), (7, 2, 19, 128), (7, 2, 14, 256), (5, 2, 14, 0), (5, 2, 2, 0),
    )  # fmt: skip
    transforms = tuple(
        Transform(
            number,
            1,
            (
                basic(Ike.ENCRYPTION, cipher),
                *((basic(Ike.KEY_LENGTH, bits),) if bits else ()),
                basic(Ike.HASH, hash_id),
                basic(Ike.GROUP, group),
                basic(Ike.AUTHENTICATION, 1),
                basic(Ike.LIFE_TYPE, 1),
                long(Ike.LIFE_DURATION, 28800),
            ),
        )
        for number, (cipher, hash_id, group, bits) in enumerate(rows, 1)
    )
    offer = SA(Doi.IPSEC, 1, (Proposal(1, Protocol.ISAKMP, b"", transforms),))
    assert select.names_ike(offer) == (
        "pre-g20-aes256-sha", "pre-g19-aes128-sha", "pre-g14-aes256-sha", "pre-g14-3des-sha", "pre-g2-3des-sha",
    )  # fmt: skip
    choice = select.choose_ike(offer, [TRIPLE, replace(AES, key_bits=256, group=Group.MODP_2048)], THEIRS)
    assert choice is not None and choice.proposal.key_bits == 256 and choice.lifetime == Lifetime(28800)


def test_the_answer_of_screenos(corpus: Path) -> None:
    """ScreenOS 5.4 answers in its own order and turns four octets of 28800 into two."""
    data = (corpus / "ike-messages" / "ikescan-aggr-mode-response.dat").read_bytes()
    answer = first_payload(data, SA)
    offered = IkeProposal(IkeCipher.TRIPLE_DES_CBC, 0, Hash.SHA1, Group.MODP_1024, Auth.PSK)
    choice = select.check_ike(answer, [AES, offered])
    assert choice is not None and choice.proposal == offered and choice.lifetime == Lifetime(28800)


def test_what_ike_scan_offers(corpus: Path) -> None:
    data = (corpus / "ike-messages" / "ikescan-main-mode-response.dat").read_bytes()
    assert select.names_ike(first_payload(data, SA))


def test_an_endless_offer_is_cut_in_words() -> None:
    transforms = tuple(
        Transform(n & 255, 1, (basic(1, 7), basic(14, 128), basic(2, 2), basic(3, 1), basic(4, 1000 + n)))
        for n in range(128)
    )
    names = select.names_ike(SA(Doi.IPSEC, 1, (Proposal(1, Protocol.ISAKMP, b"", transforms),) * 32))
    assert len(names) == 25 and names[-1] == "and 104 more"


# Phase 2


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
    offer = select.offer_ipsec([ESP, GCM], Lifetime(60), SPI, Mode.TUNNEL)
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


def test_bundles_are_passed_over() -> None:
    esp = phase2(*ESP_ATTRIBUTES).proposals[0]
    compressed = replace(esp, protocol=Protocol.IPCOMP)
    alone = replace(esp, number=2, spi=b"\x11\x11\x11\x11")
    choice = select.choose_ipsec(SA(Doi.IPSEC, 1, (esp, compressed, alone)), [ESP], OURS, SaMode.TUNNEL, NONE)
    assert choice is not None and choice.number == 2 and choice.spi == alone.spi


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
    assert select.mode_for(SaMode.TUNNEL, NONE, None) is Mode.TUNNEL
    assert select.mode_for(SaMode.TRANSPORT, UDP, NattDraft.RFC) is Mode.UDP_TRANSPORT
    assert select.mode_for(SaMode.TUNNEL, Encapsulation.UDP_NON_IKE, NattDraft.DRAFT_00) is Mode.UDP_TUNNEL_DRAFT


# Lifetimes


@pytest.mark.parametrize(
    ("attributes", "lifetime"),
    [
        ((basic(1, 1), basic(2, 3600)), Lifetime(3600)),
        ((basic(1, 1), long(2, 3600)), Lifetime(3600)),
        ((basic(1, 1), long(2, 250_000, 8)), Lifetime(250_000)),
        ((basic(1, 1), long(2, 3600), basic(1, 2), long(2, 250_000)), Lifetime(3600, 250_000)),
        ((basic(1, 2), basic(2, 77), basic(1, 1), basic(2, 60)), Lifetime(60, 77)),
        ((basic(1, 1), basic(2, 60), basic(1, 1), basic(2, 90)), Lifetime(60)),
        ((basic(1, 1), basic(1, 2), basic(2, 60)), Lifetime(0, 60)),
        ((basic(2, 60), basic(1, 1)), Lifetime()),
        ((basic(1, 9), basic(2, 60)), Lifetime()),
        ((basic(1, 1), Attribute.variable(2, b"")), Lifetime()),
        ((basic(1, 1), long(2, 2**71, 9)), Lifetime()),
        ((basic(1, 1), long(2, 2**60, 8)), Lifetime(2**32 - 1)),
        ((), Lifetime()),
    ],
)
def test_lifetimes(attributes: tuple[Attribute, ...], lifetime: Lifetime) -> None:
    assert select.read_lifetime(attributes, phase1=False) == lifetime
    shifted = tuple(replace(each, type=each.type + 10) for each in attributes)
    assert select.read_lifetime(shifted, phase1=True) == lifetime


def test_without_a_lifetime_phase_2_lasts_eight_hours() -> None:
    choice = select.choose_ipsec(phase2(*ESP_ATTRIBUTES), [ESP], OURS, SaMode.TUNNEL, NONE)
    assert choice is not None and choice.lifetime == Lifetime(28800)
    told = select.lifetime_attributes(Lifetime(60, 70), phase1=False)
    assert select.read_lifetime(told, phase1=False) == Lifetime(60, 70)
