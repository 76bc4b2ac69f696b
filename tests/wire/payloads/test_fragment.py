from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire import header, message
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payload import VendorId
from ikevpn.wire.payloads.fragment import OVERHEAD, Fragment, Reassembly, split
from ikevpn.wire.registry import ExchangeType, Flag, PayloadType


def isakmp(size: int, filling: int = 0x41) -> bytes:
    """An encrypted message of `size` octets."""
    head = header.Header(
        b"iiiiiiii", b"rrrrrrrr", PayloadType.IDENTIFICATION, ExchangeType.MAIN, Flag.ENCRYPTION, 77, 0
    )
    return header.write(head, bytes([filling]) * (size - header.HEADER_SIZE))


def pieces(whole: bytes, size: int, fragment_id: int = 1) -> list[Fragment]:
    """What the other side reads from the datagrams of `split`."""
    found = []
    for datagram in split(whole, fragment_id, size):
        (piece,) = message.read(datagram).chain.payloads
        assert isinstance(piece, Fragment)
        found.append(piece)
    return found


def take_all(reassembly: Reassembly, fragments: list[Fragment]) -> list[bytes]:
    return [whole for each in fragments if (whole := reassembly.take(each)) is not None]


def test_the_payload_on_the_wire() -> None:
    data = bytes.fromhex("0007 02 01 414243")
    found = Fragment.read(Reader(data))
    assert found == Fragment(7, 2, True, b"ABC")
    assert found.write() == data
    assert not Fragment.read(Reader(bytes.fromhex("0007 02 00 41"))).last
    assert Fragment.read(Reader(bytes.fromhex("0007 02 ff 41"))).last


@pytest.mark.parametrize("data", ["", "000702", "00070201", "0007000141"])
def test_number_zero_and_no_data_are_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        Fragment.read(Reader(bytes.fromhex(data)))


@pytest.mark.parametrize("piece", [Fragment(1, 0, True, b"a"), Fragment(1, 1, True, b""), Fragment(1, 256, True, b"a")])
def test_our_own_mistakes(piece: Fragment) -> None:
    with pytest.raises(UsageError):
        piece.write()


def test_split_makes_whole_datagrams_no_longer_than_asked() -> None:
    whole = isakmp(1000)
    datagrams = split(whole, 5, 300)
    assert [len(each) for each in datagrams] == [300, 300, 300, OVERHEAD + 1000 - 3 * (300 - OVERHEAD)]
    for datagram in datagrams:
        outer = header.read(datagram)
        assert (outer.cky_i, outer.cky_r) == (b"iiiiiiii", b"rrrrrrrr")
        assert (outer.next_payload, outer.exchange) == (PayloadType.FRAGMENT, ExchangeType.MAIN)
        assert (outer.flags, outer.message_id) == (Flag(0), 0)
    assert [(each.id, each.number, each.last) for each in pieces(whole, 300, 5)] == [
        (5, 1, False),
        (5, 2, False),
        (5, 3, False),
        (5, 4, True),
    ]


def test_a_message_that_fits_is_one_fragment() -> None:
    assert [(each.number, each.last) for each in pieces(isakmp(100), 500)] == [(1, True)]


def test_split_refuses_what_needs_too_many_pieces() -> None:
    room = 4
    whole = isakmp(limits.FRAGMENTS * room)
    assert len(split(whole, 1, OVERHEAD + room)) == limits.FRAGMENTS
    with pytest.raises(UsageError, match="255 pieces"):
        split(isakmp(limits.FRAGMENTS * room + 1), 1, OVERHEAD + room)
    with pytest.raises(UsageError):
        split(whole, 1, OVERHEAD)


@given(st.integers(28, 3000), st.integers(OVERHEAD + 20, 1500), st.randoms(use_true_random=False))
def test_any_order_with_repetitions_gives_the_message_once(size: int, cut: int, chance: random.Random) -> None:
    whole = isakmp(size)
    fragments = pieces(whole, cut)
    chance.shuffle(fragments)
    repeated = [each for each in fragments for _ in range(chance.randint(1, 2))]
    last_new = max(repeated.index(each) for each in fragments)
    reassembly = Reassembly()
    assert take_all(reassembly, repeated[: last_new + 1]) == [whole]
    assert not reassembly.drops


def test_a_message_sent_again_is_given_again() -> None:
    whole = isakmp(1000)
    fragments = pieces(whole, 300)
    assert take_all(Reassembly(), fragments * 3) == [whole] * 3


def test_the_same_id_for_the_next_message() -> None:
    first, second = isakmp(1000, 0x41), isakmp(900, 0x42)
    reassembly = Reassembly()
    assert take_all(reassembly, pieces(first, 300) + pieces(second, 300)) == [first, second]


@pytest.mark.parametrize("late", range(4))
@pytest.mark.parametrize("place", range(5))
def test_a_late_copy_of_the_message_before_does_no_harm(late: int, place: int) -> None:
    first, second = isakmp(1000, 0x41), isakmp(1000, 0x42)
    following = pieces(second, 300)
    reassembly = Reassembly()
    assert take_all(reassembly, pieces(first, 300)) == [first]
    assert take_all(reassembly, [*following[:place], pieces(first, 300)[late], *following[place:]]) == [second]
    assert take_all(reassembly, following) == [second]
    assert not reassembly.drops


@pytest.mark.parametrize("given_up", range(1, 4))
def test_a_message_given_up_makes_room_for_the_next(given_up: int) -> None:
    first, second = isakmp(1000, 0x41), isakmp(1000, 0x42)
    reassembly = Reassembly()
    assert take_all(reassembly, pieces(first, 300)[:given_up] + pieces(second, 300)) == [second]
    assert reassembly.drops == {"fragments-contradicted": 1}


def test_two_messages_at_the_same_time() -> None:
    first, second = isakmp(1000, 0x41), isakmp(1000, 0x42)
    mixed = [each for pair in zip(pieces(first, 300, 1), pieces(second, 300, 2), strict=True) for each in pair]
    assert take_all(Reassembly(), mixed) == [first, second]


def test_more_ids_than_are_kept_crowd_out_the_oldest() -> None:
    reassembly = Reassembly()
    for fragment_id in range(limits.REASSEMBLIES + 3):
        assert reassembly.take(Fragment(fragment_id, 1, False, b"a")) is None
    assert reassembly.drops == {"fragments-crowded-out": 3}


def test_finished_messages_are_remembered_for_as_many_ids() -> None:
    reassembly = Reassembly()
    whole = isakmp(500)
    for fragment_id in range(limits.REASSEMBLIES + 1):
        assert take_all(reassembly, pieces(whole, 300, fragment_id)) == [whole]
    # The first id is forgotten: a late copy of its pieces looks like the beginning of a message.
    assert reassembly.take(pieces(whole, 300, 0)[0]) is None
    assert take_all(reassembly, pieces(whole, 300, 0)) == [whole]
    assert not reassembly.drops


def test_the_octets_kept_are_bounded() -> None:
    assert take_all(Reassembly(), pieces(isakmp(limits.REASSEMBLED), 1000)) != []
    reassembly = Reassembly()
    assert take_all(reassembly, pieces(isakmp(limits.REASSEMBLED + 1), 1000)) == []
    assert reassembly.drops == {"fragments-too-long": 1}


def test_pieces_that_are_no_message_are_dropped() -> None:
    reassembly = Reassembly()
    assert reassembly.take(Fragment(1, 1, False, bytes(30))) is None
    assert reassembly.take(Fragment(1, 2, True, bytes(30))) is None
    assert reassembly.drops == {"fragments-inconsistent": 1}
    whole = isakmp(500)
    assert take_all(reassembly, pieces(whole, 200)) == [whole]


def test_pieces_of_two_messages_are_never_mixed_unnoticed() -> None:
    longer, shorter = pieces(isakmp(1000, 0x41), 300), pieces(isakmp(600, 0x42), 300)
    reassembly = Reassembly()
    assert take_all(reassembly, [*longer[:2], shorter[2]]) == []
    assert reassembly.drops == {"fragments-inconsistent": 1}


@pytest.mark.parametrize(
    ("held", "new"),
    [
        (Fragment(1, 2, False, b"a"), Fragment(1, 2, False, b"b")),
        (Fragment(1, 2, False, b"a"), Fragment(1, 2, True, b"a")),
        (Fragment(1, 2, True, b"a"), Fragment(1, 3, False, b"b")),
        (Fragment(1, 3, False, b"a"), Fragment(1, 2, True, b"b")),
    ],
)
def test_a_contradiction_begins_anew(held: Fragment, new: Fragment) -> None:
    reassembly = Reassembly()
    assert take_all(reassembly, [held, new]) == []
    assert reassembly.drops == {"fragments-contradicted": 1}


@given(
    st.lists(
        st.builds(Fragment, st.integers(0, 3), st.integers(1, 4), st.booleans(), st.binary(min_size=1, max_size=40))
    )
)
def test_any_fragments_give_nothing_or_a_whole_message(fragments: list[Fragment]) -> None:
    for whole in take_all(Reassembly(), fragments):
        header.read(whole)


def test_a_clear_message_can_be_cut_as_well() -> None:
    whole = message.write(b"iiiiiiii", bytes(8), ExchangeType.AGGRESSIVE, Flag(0), 0, [VendorId(bytes(700))])
    assert take_all(Reassembly(), pieces(whole, 552)) == [whole]
