from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire import header
from ikevpn.wire.header import Header
from ikevpn.wire.octets import limits
from ikevpn.wire.registry import ExchangeType, Flag, PayloadType
from tests.wire import values

MAIN_1 = bytes.fromhex("59cedc5dcea558fe" + "00" * 8 + "01100200" + "00000000" + "00000020" + "deadbeef")
HEADERS = st.builds(
    Header,
    values.cookies,
    values.cookies,
    values.u8.map(PayloadType),
    values.exchanges,
    values.flags,
    values.u32,
    st.just(0),
    values.u8,
)


def test_fields_stand_where_the_rfc_says() -> None:
    read = header.read(MAIN_1)
    assert read == Header(
        bytes.fromhex("59cedc5dcea558fe"), bytes(8), PayloadType.SA, ExchangeType.MAIN, Flag(0), 0, 32, 0x10
    )
    assert header.write(read, MAIN_1[28:]) == MAIN_1
    assert read.major == 1
    assert not read.encrypted


@given(HEADERS, st.binary(max_size=50))
def test_what_is_written_reads_the_same(value: Header, body: bytes) -> None:
    data = header.write(value, body)
    assert header.read(data) == dataclasses.replace(value, length=28 + len(body))
    assert data[28:] == body


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"", 0),
        (MAIN_1[:27], 24),
        (MAIN_1[:24] + bytes.fromhex("0000001b") + MAIN_1[28:], 24),
        (MAIN_1[:24] + bytes.fromhex("00000000") + MAIN_1[28:], 24),
        (MAIN_1[:24] + bytes.fromhex("ffffffff") + MAIN_1[28:], 24),
        (MAIN_1[:-1], 24),
        (MAIN_1 + b"\x00", 32),
    ],
)
def test_lengths_that_do_not_add_up(data: bytes, offset: int) -> None:
    with pytest.raises(Malformed) as caught:
        header.read(data)
    assert caught.value.offset == offset


@given(st.binary(max_size=40))
def test_any_octets_give_a_header_or_malformed(data: bytes) -> None:
    try:
        value = header.read(data)
    except Malformed:
        return
    assert header.write(value, data[28:]) == data


def test_another_version_is_the_callers_business() -> None:
    read = header.read(MAIN_1[:17] + b"\x20" + MAIN_1[18:])
    assert (read.version, read.major) == (0x20, 2)


def test_unknown_numbers_are_kept() -> None:
    read = header.read(MAIN_1[:16] + b"\x85\x10\xf3\xf9" + MAIN_1[20:])
    assert (read.next_payload, read.exchange, read.flags) == (133, 243, 0xF9)
    assert read.encrypted


def test_our_own_mistakes() -> None:
    good = header.read(MAIN_1)
    with pytest.raises(UsageError, match="cookies"):
        header.write(dataclasses.replace(good, cky_i=b"short"), b"")
    with pytest.raises(UsageError, match="does not fit into a datagram"):
        header.write(good, bytes(limits.MESSAGE - 27))
    with pytest.raises(UsageError):
        header.write(dataclasses.replace(good, message_id=1 << 32), b"")
