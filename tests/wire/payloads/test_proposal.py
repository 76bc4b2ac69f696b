from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.payloads.proposal import SA, SIT_IDENTITY_ONLY, Proposal, Transform
from ikevpn.wire.registry import Doi, EspCipher, Ike, Integrity, Ipsec, Protocol
from tests.wire import values

# The SA payload that a ScreenOS 5.4 gateway answers with.
SCREENOS = bytes.fromhex(
    "00000001 00000001 00000028 01010001 00000020 01010000 80010005 80020002 80040002 80030001 800b0001 800c7080"
)


def read(data: bytes) -> SA:
    reader = Reader(data)
    found = SA.read(reader)
    reader.finish("body")
    return found


def test_the_answer_of_a_real_gateway() -> None:
    sa = read(SCREENOS)
    numbers = (5, 2, 2, 1, 1, 28800)
    kinds = (Ike.ENCRYPTION, Ike.HASH, Ike.GROUP, Ike.AUTHENTICATION, Ike.LIFE_TYPE, Ike.LIFE_DURATION)
    attributes = tuple(Attribute.of(kind, number) for kind, number in zip(kinds, numbers, strict=True))
    transform = Transform(1, 1, attributes)
    assert sa == SA(Doi.IPSEC, SIT_IDENTITY_ONLY, (Proposal(1, Protocol.ISAKMP, b"", (transform,)),))
    assert sa.write() == SCREENOS


def test_proposals_with_spi_and_several_transforms() -> None:
    transforms = tuple(
        Transform(number, EspCipher.AES_CBC, (Attribute.of(Ipsec.AUTHENTICATION, each),))
        for number, each in enumerate((Integrity.HMAC_SHA1, Integrity.HMAC_MD5), 1)
    )
    sa = SA(
        Doi.IPSEC,
        SIT_IDENTITY_ONLY,
        (
            Proposal(1, Protocol.ESP, bytes.fromhex("c0ffee00"), transforms),
            Proposal(1, Protocol.IPCOMP, bytes.fromhex("0002"), transforms[:1]),
        ),
    )
    data = sa.write()
    assert data.hex() == (
        "0000000100000001"
        "02000024 01030402 c0ffee00 0300000c 010c0000 80050002 0000000c 020c0000 80050001"
        "00000016 01040201 0002     0000000c 010c0000 80050002"
    ).replace(" ", "")
    assert read(data) == sa


@given(values.security_associations)
def test_what_is_written_reads_the_same(sa: SA) -> None:
    assert read(sa.write()) == sa


@given(st.data())
def test_reserved_octets_are_ignored_and_written_as_zero(data: st.DataObject) -> None:
    changed = bytearray(SCREENOS)
    for place in (9, 17, 22, 23):  # generic headers of proposal and transform; RESERVED2 of the transform
        changed[place] = data.draw(values.u8)
    assert read(bytes(changed)).write() == SCREENOS


@pytest.mark.parametrize("word", ["doi", "situation"])
def test_other_dois_and_situations_are_for_the_exchange_to_judge(word: str) -> None:
    other = bytearray(SCREENOS)
    place = 0 if word == "doi" else 4
    other[place : place + 4] = b"\xff\xff\xff\xff"
    assert getattr(read(bytes(other)), word) == 0xFFFFFFFF


def broken(place: int, octets: str) -> bytes:
    value = bytes.fromhex(octets)
    return SCREENOS[:place] + value + SCREENOS[place + len(value) :]


@pytest.mark.parametrize(
    ("data", "offset", "why"),
    [
        (SCREENOS[:7], 4, "4 octets needed"),
        (SCREENOS[:8], 8, "1 octet needed"),
        (broken(8, "02"), 48, "1 octet needed"),
        (broken(8, "03"), 8, "a proposal is followed by payload type transform"),
        (broken(10, "0003"), 10, "a proposal of length 3"),
        (broken(10, "0029"), 12, "37 octets needed, 36 left"),
        (broken(10, "0027"), 47, "1 octet too many after the last proposal"),
        (SCREENOS + b"\x00", 48, "1 octet too many after the last proposal"),
        (broken(14, "29"), 16, "41 octets needed"),
        (broken(15, "00"), 48, "announces 0 transforms and holds 1"),
        (broken(15, "02"), 48, "announces 2 transforms and holds 1"),
        (broken(16, "03"), 48, "1 octet needed"),
        (broken(16, "02"), 16, "a transform is followed by payload type proposal"),
        (broken(18, "001f"), 47, "1 octet too many after the last transform"),
        (broken(18, "0004"), 20, "28 octets too many after the last transform"),
        (broken(28, "0002"), 38, "32771 octets needed, 10 left"),
    ],
)
def test_what_does_not_add_up(data: bytes, offset: int, why: str) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        read(data)
    assert caught.value.offset == offset


def test_numbers_are_bounded() -> None:
    transform = Transform(1, 1, ())
    most = Proposal(1, Protocol.ISAKMP, b"", (transform,) * limits.TRANSFORMS)
    assert read(SA(Doi.IPSEC, 1, (most,)).write()).proposals == (most,)
    more = Proposal(1, Protocol.ISAKMP, b"", (transform,) * (limits.TRANSFORMS + 1))
    with pytest.raises(Malformed, match="more than 128 transforms"):
        read(SA(Doi.IPSEC, 1, (more,)).write())
    one = Proposal(1, Protocol.ISAKMP, b"", (transform,))
    assert len(read(SA(Doi.IPSEC, 1, (one,) * limits.PROPOSALS).write()).proposals) == limits.PROPOSALS
    with pytest.raises(Malformed, match="more than 32 proposals"):
        read(SA(Doi.IPSEC, 1, (one,) * (limits.PROPOSALS + 1)).write())


def test_our_own_mistakes() -> None:
    with pytest.raises(UsageError, match="at least one proposal"):
        SA(Doi.IPSEC, 1, ()).write()
    with pytest.raises(UsageError, match="at least one transform"):
        Proposal(1, Protocol.ESP, b"", ()).write()
    with pytest.raises(UsageError):
        Proposal(256, Protocol.ESP, b"", (Transform(1, 1, ()),)).write()


@given(st.binary(max_size=80))
def test_any_octets_give_a_value_that_reads_the_same_again_or_malformed(data: bytes) -> None:
    try:
        sa = read(data)
    except Malformed:
        return
    assert read(sa.write()) == sa
