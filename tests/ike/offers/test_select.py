"""Phase 1 proposals to SA payloads and back: values are compared, in whatever form and order they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.ike.offers import select
from ikevpn.model.proposal import IkeProposal, Lifetime
from ikevpn.model.tunnel import ProposalOrder
from ikevpn.wire.payload import SA, Proposal, Transform
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    Auth,
    Doi,
    Group,
    Hash,
    Ike,
    IkeCipher,
    Protocol,
)
from tests.ike.test_transcripts import first_payload

OURS, THEIRS = ProposalOrder.OURS, ProposalOrder.THEIRS
AES = IkeProposal(IkeCipher.AES_CBC, 128, Hash.SHA1, Group.MODP_1024)
STRONG = IkeProposal(IkeCipher.AES_CBC, 256, Hash.SHA2_256, Group.MODP_2048)
TRIPLE = IkeProposal(IkeCipher.TRIPLE_DES_CBC, 0, Hash.SHA1, Group.MODP_1024)


def basic(kind: int, number: int) -> Attribute:
    return Attribute.of(kind, number)


def long(kind: int, number: int, size: int = 4) -> Attribute:
    return Attribute.variable(kind, number.to_bytes(size, "big"))


def phase1(*attributes: Attribute, number: int = 1) -> SA:
    return SA(Doi.IPSEC, 1, (Proposal(number, Protocol.ISAKMP, b"", (Transform(1, 1, attributes),)),))


AES_ATTRIBUTES = (
    basic(Ike.ENCRYPTION, 7),
    basic(Ike.KEY_LENGTH, 128),
    basic(Ike.HASH, 2),
    basic(Ike.GROUP, 2),
    basic(Ike.AUTHENTICATION, 1),
)


def chosen(offer: SA, *accepted: IkeProposal, order: ProposalOrder = OURS) -> IkeProposal | None:
    choice = select.choose_ike(select.read_offer(offer), accepted, order)
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
    assert select.names_ike(select.read_offer(offer)) == tuple(map(str, proposals))


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
    choice = select.choose_ike(select.read_offer(offer), [AES], OURS)
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
    assert select.names_ike(select.read_offer(phase1(*attributes)))


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
    assert select.names_ike(select.read_offer(offer)) == (
        "pre-g20-aes256-sha", "pre-g19-aes128-sha", "pre-g14-aes256-sha", "pre-g14-3des-sha", "pre-g2-3des-sha",
    )  # fmt: skip
    choice = select.choose_ike(
        select.read_offer(offer), [TRIPLE, replace(AES, key_bits=256, group=Group.MODP_2048)], THEIRS
    )
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
    assert select.names_ike(select.read_offer(first_payload(data, SA)))


def test_an_endless_offer_is_cut_in_words() -> None:
    transforms = tuple(
        Transform(n & 255, 1, (basic(1, 7), basic(14, 128), basic(2, 2), basic(3, 1), basic(4, 1000 + n)))
        for n in range(128)
    )
    offer = SA(Doi.IPSEC, 1, (Proposal(1, Protocol.ISAKMP, b"", transforms),) * 32)
    names = select.names_ike(select.read_offer(offer))
    assert len(names) == 25 and names[-1] == "and 104 more"


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


def test_what_is_told_of_a_lifetime_reads_back() -> None:
    told = select.lifetime_attributes(Lifetime(60, 70), phase1=False)
    assert select.read_lifetime(told, phase1=False) == Lifetime(60, 70)
