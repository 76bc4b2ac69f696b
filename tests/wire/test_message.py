from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import body_of, read_chain, write_chain
from ikevpn.wire.octets import limits
from ikevpn.wire.payload import HashPayload, KeyExchange, Nonce, Payload, VendorId
from ikevpn.wire.registry import ExchangeType, Flag, PayloadType
from tests.wire import values

QUICK: list[Payload] = [
    HashPayload(bytes(20)),
    Nonce(b"nnnnnnnn"),
    VendorId(b"first"),
    VendorId(b""),
    VendorId(b"third"),
]
MAIN_1 = message.write(b"iiiiiiii", bytes(8), ExchangeType.MAIN, Flag(0), 0, [VendorId(b"first"), Nonce(bytes(8))])


@given(values.chains)
def test_what_is_written_reads_the_same(payloads: list[Payload]) -> None:
    first, data = write_chain(payloads)
    chain = read_chain(first, data)
    assert chain.payloads == tuple(payloads)
    assert chain.bodies == tuple(map(body_of, payloads))
    assert chain.end == len(data)
    assert write_chain(chain.payloads) == (first, data)


@given(values.chains, st.binary(max_size=20))
def test_padding_of_any_octets_is_left_out(payloads: list[Payload], padding: bytes) -> None:
    first, data = write_chain(payloads)
    chain = read_chain(first, data + padding, padded=True)
    assert chain.payloads == tuple(payloads)
    assert chain.end == len(data)
    assert chain.data == data + padding


def test_padding_is_not_accepted_in_clear() -> None:
    first, data = write_chain(QUICK)
    with pytest.raises(Malformed, match="1 octet too many after the last payload") as caught:
        read_chain(first, data + b"\x00", origin=28)
    assert caught.value.offset == 28 + len(data)


def test_bodies_and_spans_are_the_octets_as_received() -> None:
    first, data = write_chain(QUICK)
    dirty = bytearray(data)
    dirty[1] = 0xFF  # the reserved octet of the first generic header
    chain = read_chain(first, bytes(dirty) + b"\x00\x00\x03", padded=True)
    assert chain.spans == ((0, 24), (24, 36), (36, 45), (45, 49), (49, 58))
    assert b"".join(chain.data[start:end] for start, end in chain.spans) == bytes(dirty)
    assert [chain.data[start + 4 : end] for start, end in chain.spans] == list(chain.bodies)
    assert chain.after(0) == data[24:]
    assert chain.after(3) == data[49:]
    assert chain.after(4) == b""


def test_payloads_are_found_by_class() -> None:
    chain = read_chain(*write_chain(QUICK))
    assert chain.first(Nonce) == Nonce(b"nnnnnnnn")
    assert chain.first(KeyExchange) is None
    assert chain.all(VendorId) == [VendorId(b"first"), VendorId(b""), VendorId(b"third")]
    assert chain.all(KeyExchange) == []
    assert chain.body(VendorId) == b"first"
    assert chain.body(KeyExchange) is None


def test_no_payloads_at_all() -> None:
    assert write_chain([]) == (PayloadType.NONE, b"")
    chain = read_chain(PayloadType.NONE, b"")
    assert (chain.payloads, chain.end) == ((), 0)
    with pytest.raises(Malformed):
        read_chain(PayloadType.NONE, b"\x00")


@pytest.mark.parametrize(
    ("data", "offset", "why"),
    [
        ("", 100, "1 octet needed"),
        ("000000", 102, "2 octets needed, 1 left"),
        ("00000003", 102, "a vendor-id payload of length 3"),
        ("00000000", 102, "a vendor-id payload of length 0"),
        ("0000000541ff", 105, "1 octet too many"),
        ("00000006 41", 104, "2 octets needed, 1 left"),
        ("0d000005 41", 105, "1 octet needed"),
        ("0a000005 41 0000000b" + "00" * 7, 109, "a nonce of 7 octets"),
        ("02000005 41 0000000b" + "00" * 7, 109, "outside of an SA"),
    ],
)
def test_what_does_not_add_up(data: str, offset: int, why: str) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        read_chain(PayloadType.VENDOR_ID, bytes.fromhex(data), origin=100)
    assert caught.value.offset == offset


def test_their_number_is_bounded() -> None:
    most = [VendorId(b"")] * limits.PAYLOADS
    assert len(read_chain(*write_chain(most)).payloads) == limits.PAYLOADS
    with pytest.raises(Malformed, match="more than 64 payloads"):
        read_chain(*write_chain([*most, VendorId(b"")]))


@given(values.cookies, values.cookies, values.exchanges, values.u32, values.chains)
def test_a_clear_message(
    cky_i: bytes, cky_r: bytes, exchange: ExchangeType, message_id: int, payloads: list[Payload]
) -> None:
    data = message.write(cky_i, cky_r, exchange, Flag(0), message_id, payloads)
    found = message.read(data)
    assert found.chain.payloads == tuple(payloads)
    assert found.header.length == len(data)
    assert (found.header.cky_i, found.header.cky_r) == (cky_i, cky_r)
    assert (found.header.exchange, found.header.message_id) == (exchange, message_id)
    assert found.chain.data == data[HEADER_SIZE:]


def test_offsets_count_from_the_start_of_the_datagram() -> None:
    broken = MAIN_1[:30] + b"\x00\x03" + MAIN_1[32:]
    with pytest.raises(Malformed) as caught:
        message.read(broken)
    assert caught.value.offset == 30


@pytest.mark.parametrize(
    ("place", "octet", "why"), [(17, 0x20, "version 2.0"), (17, 0x01, "version 0.1"), (19, 0x01, "is encrypted")]
)
def test_what_cannot_be_read_as_a_clear_message(place: int, octet: int, why: str) -> None:
    data = MAIN_1[:place] + bytes([octet]) + MAIN_1[place + 1 :]
    with pytest.raises(Malformed, match=why) as caught:
        message.read(data)
    assert caught.value.offset == place


def test_a_newer_minor_version_is_read() -> None:
    assert message.read(MAIN_1[:17] + b"\x11" + MAIN_1[18:]).header.version == 0x11


@given(values.u8.map(PayloadType), st.binary(max_size=120), st.booleans())
def test_any_octets_give_a_chain_that_reads_the_same_again_or_malformed(
    first: PayloadType, data: bytes, padded: bool
) -> None:
    try:
        chain = read_chain(first, data, padded)
    except Malformed as error:
        assert 0 <= error.offset <= len(data)
        return
    assert read_chain(*write_chain(chain.payloads)).payloads == chain.payloads
    assert chain.end == len(data) or padded


@given(values.chains, st.data())
def test_a_changed_octet_gives_a_message_or_malformed(payloads: list[Payload], data: st.DataObject) -> None:
    octets = bytearray(message.write(b"iiiiiiii", b"rrrrrrrr", ExchangeType.MAIN, Flag(0), 0, payloads))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(16, len(octets) - 1))] = data.draw(values.u8)
    try:
        message.read(bytes(octets))
    except Malformed as error:
        assert 0 <= error.offset <= len(octets)
