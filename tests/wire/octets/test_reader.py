from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed
from ikevpn.wire.octets.reader import Reader


def test_numbers_are_big_endian() -> None:
    reader = Reader(bytes(range(1, 10)))
    assert (reader.u8(), reader.u16(), reader.u32()) == (1, 0x0203, 0x04050607)
    assert reader.position == 7
    assert reader.rest() == b"\x08\x09"
    assert reader.remaining == 0


@pytest.mark.parametrize(("size", "read"), [(0, Reader.u8), (1, Reader.u16), (3, Reader.u32), (4, lambda r: r.take(5))])
def test_too_few_octets_are_malformed_at_their_place(size: int, read: object) -> None:
    reader = Reader(bytes(10 + size), 10, origin=100)
    with pytest.raises(Malformed) as caught:
        read(reader)  # type: ignore[operator]
    assert caught.value.offset == 110
    assert reader.position == 10


def test_a_negative_count_is_malformed() -> None:
    with pytest.raises(Malformed):
        Reader(b"abc", 2).take(-1)


@pytest.mark.parametrize(("offset", "end"), [(4, None), (-1, None), (0, 4), (2, 1)])
def test_bounds_outside_the_data_are_malformed(offset: int, end: int | None) -> None:
    with pytest.raises(Malformed):
        Reader(b"abc", offset, end)


def test_a_part_cannot_read_what_follows_it() -> None:
    reader = Reader(b"abcdef", origin=20)
    part = reader.part(3)
    assert reader.rest() == b"def"
    assert part.take(3) == b"abc"
    with pytest.raises(Malformed) as caught:
        part.u8()
    assert caught.value.offset == 23


def test_finish_insists_on_the_end() -> None:
    reader = Reader(b"ab")
    reader.u8()
    with pytest.raises(Malformed, match="1 octet too many after the thing"):
        reader.finish("thing")
    reader.u8()
    reader.finish("thing")


def test_an_error_can_point_backwards() -> None:
    reader = Reader(b"abcd")
    reader.u16()
    assert reader.error("no", back=2).offset == 0


@given(st.binary(max_size=20), st.lists(st.integers(0, 8), max_size=6))
def test_taken_pieces_are_the_data_in_order(data: bytes, counts: list[int]) -> None:
    reader, taken = Reader(data), b""
    for count in counts:
        try:
            piece = reader.take(count)
        except Malformed:
            assert count > len(data) - len(taken)
        else:
            assert len(piece) == count
            taken += piece
    assert taken + reader.rest() == data
