from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads import attributes
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import Cfg, Ike
from tests.wire import values


def test_the_two_forms() -> None:
    data = bytes.fromhex("800b0001" + "000c000400007080" + "800c7080")
    found = attributes.read_all(data)
    assert found == (
        Attribute(11, b"\x00\x01", True),
        Attribute(12, bytes.fromhex("00007080"), False),
        Attribute(12, bytes.fromhex("7080"), True),
    )
    assert [each.number for each in found] == [1, 28800, 28800]
    assert attributes.write_all(found) == data


@pytest.mark.parametrize(
    ("number", "octets"),
    [
        (0, "800c0000"),
        (65535, "800cffff"),
        (65536, "000c000400010000"),
        (0xFFFFFFFF, "000c0004ffffffff"),
        (1 << 32, "000c00080000000100000000"),
    ],
)
def test_of_takes_the_shortest_usual_form(number: int, octets: str) -> None:
    attribute = Attribute.of(Ike.LIFE_DURATION, number)
    assert attributes.write_all([attribute]).hex() == octets
    assert attribute.number == number


@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_of_refuses_what_does_not_fit(number: int) -> None:
    with pytest.raises(UsageError):
        Attribute.of(1, number)


def test_the_variable_form_is_kept_for_small_numbers() -> None:
    attribute = Attribute.variable(Ike.LIFE_DURATION, bytes.fromhex("00007080"))
    assert attributes.write_all([attribute]).hex() == "000c000400007080"
    assert attribute.number == 28800


def test_empty_is_zero_and_more_than_eight_octets_are_no_number() -> None:
    assert Attribute.variable(1, b"").number == 0
    assert Attribute.variable(1, bytes(7) + b"\x05").number == 5
    with pytest.raises(Malformed):
        _ = Attribute.variable(1, bytes(9)).number


def test_the_octets_of_a_password_are_not_in_the_repr() -> None:
    attribute = Attribute.variable(Cfg.XAUTH_USER_PASSWORD, b"hunter22")
    assert "hunter22" not in repr(attribute)
    assert repr(attribute) == "Attribute(16522, <8 octets>)"
    assert repr(Attribute.of(1, 7)) == "Attribute(1, 7)"


@pytest.mark.parametrize(
    ("data", "offset"),
    [("80", 0), ("800b00", 2), ("000c", 2), ("000c0004000000", 4), ("800b0001000cffff", 8)],
)
def test_cut_off(data: str, offset: int) -> None:
    with pytest.raises(Malformed) as caught:
        attributes.read_all(bytes.fromhex(data))
    assert caught.value.offset == offset


def test_their_number_is_bounded() -> None:
    one = attributes.write_all([Attribute.of(1, 1)])
    assert len(attributes.read_all(one * limits.ATTRIBUTES)) == limits.ATTRIBUTES
    with pytest.raises(Malformed, match="more than 64 attributes"):
        attributes.read_all(one * (limits.ATTRIBUTES + 1))


def test_reading_begins_where_it_is_told() -> None:
    data = b"\xff\xff" + attributes.write_all([Attribute.of(1, 5)])
    assert attributes.read_all(data, 2) == attributes.read_all(Reader(data, 2)) == (Attribute.of(1, 5),)


@pytest.mark.parametrize(
    "attribute", [Attribute(0x8000, b"", False), Attribute(1, b"abc", True), Attribute(1, bytes(65536), False)]
)
def test_our_own_mistakes(attribute: Attribute) -> None:
    with pytest.raises(UsageError):
        attributes.write_all([attribute])


@given(values.attribute_lists)
def test_what_is_written_reads_the_same(value: tuple[Attribute, ...]) -> None:
    assert attributes.read_all(attributes.write_all(value)) == value


@given(st.binary(max_size=60))
def test_any_octets_give_the_same_octets_back_or_malformed(data: bytes) -> None:
    try:
        found = attributes.read_all(data)
    except Malformed:
        return
    assert attributes.write_all(found) == data
