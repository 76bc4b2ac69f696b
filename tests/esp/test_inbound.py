"""What is let in, in which order, and why the rest is dropped."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ikevpn.errors import UsageError
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.transforms.transform import sealing, shape
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction, SaMode
from ikevpn.model.selector import Selector
from tests.esp import samples
from tests.esp.samples import TCP, ipv4, ipv6, ports

PACKET = ipv4(ports(1, 2, b"inner"))
OPENED = Opened(PACKET, 4)
HALF = 1 << 32


def inbound(pair: samples.Pair = samples.GCM, **changes: object) -> Inbound:
    return Inbound(samples.sa(Direction.IN, pair, **changes))


def outbound(pair: samples.Pair = samples.GCM, *, sequence: int = 0, **changes: object) -> Outbound:
    return Outbound(samples.sa(Direction.OUT, pair, **changes), samples.entropy(), sequence=sequence)


def crafted(pair: samples.Pair, plaintext: bytes, sequence: int = 1) -> bytes:
    """An authentic packet whose plaintext, padding and trailer included, is `plaintext`."""
    return sealing(samples.sa(Direction.OUT, pair), samples.entropy()).seal(
        range(sequence, sequence + 1), [plaintext], [b""]
    )[0]


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("pair", samples.PAIRS, ids=samples.name)
def test_round_trip(pair: samples.Pair, extended: bool) -> None:
    out = outbound(pair, extended_sequence_numbers=extended)
    into = inbound(pair, extended_sequence_numbers=extended)
    random = Random(5)
    for count in (0, 1, 7, 64):
        packets = [ipv4(ports(1, 2, random.randbytes(random.randrange(1400)))) for _ in range(count)]
        assert into.open(out.seal(packets, 4), 1.0) == [Opened(packet, 4) for packet in packets]
    assert (into.packets, into.bytes, into.drops) == (out.packets, out.bytes, Counter())


@pytest.mark.parametrize("pair", samples.AUTHENTICATED, ids=samples.name)
def test_any_flipped_bit_is_found(pair: samples.Pair) -> None:
    """A changed sequence number is caught by the ICV too; the window only sees it first where it is out of reach."""
    packet = outbound(pair, sequence=3000).seal([PACKET], 4)[0]
    into = inbound(pair, replay_window=32)
    assert into.open(outbound(pair, sequence=2990).seal([PACKET], 4), 0.0) == [OPENED]
    for bit in range(len(packet) * 8):
        changed = bytearray(packet)
        changed[bit // 8] ^= 0x80 >> bit % 8
        sequence = int.from_bytes(changed[4:8], "big")
        expected = Drop.BAD_ICV if sequence > 2991 - 32 else Drop.REPLAY
        assert into.open([bytes(changed)], 0.0) == [expected], bit
    assert into.open([packet], 0.0) == [OPENED]


@pytest.mark.parametrize("pair", samples.AUTHENTICATED, ids=samples.name)
def test_any_other_length_is_found(pair: samples.Pair) -> None:
    first, packet = outbound(pair).seal([PACKET] * 2, 4)
    into = inbound(pair)
    assert into.open([first], 0.0) == [OPENED]
    sizes = shape(samples.algorithms(pair))
    for size in range(len(packet)):
        answer = into.open([packet[:size]], 0.0)[0]
        if size < sizes.shortest:
            assert answer is Drop.SHORT
        else:
            blocks = (size - sizes.icv - sizes.iv - 8) % sizes.block == 0
            assert answer is (Drop.BAD_ICV if blocks else Drop.LENGTH)
    assert into.open([packet + b"\0"], 0.0)[0] in {Drop.BAD_ICV, Drop.LENGTH}
    assert into.open([packet + bytes(16)], 0.0) == [Drop.BAD_ICV]
    assert into.open([packet], 0.0) == [OPENED]


@given(st.sampled_from(samples.PAIRS), st.lists(st.binary(max_size=200), max_size=5))
def test_garbage_never_raises(pair: samples.Pair, packets: list[bytes]) -> None:
    answers = inbound(pair).open(packets, 0.0)
    assert len(answers) == len(packets)
    assert all(isinstance(answer, (Drop, Opened)) for answer in answers)
    if pair in samples.AUTHENTICATED:
        assert all(isinstance(answer, Drop) for answer in answers)


@pytest.mark.parametrize("pair", [pair for pair in samples.PAIRS if pair not in samples.AUTHENTICATED])
def test_without_integrity_garbage_fails_by_its_padding(pair: samples.Pair) -> None:
    into = inbound(pair)
    random = Random(9)
    packets = [bytes(8) + random.randbytes(160) for _ in range(300)]
    into.open(packets, 0.0)
    assert into.drops[Drop.BAD_PADDING] > 250
    assert into.packets == 0


# the window


@pytest.mark.parametrize("pair", [samples.GCM, samples.CBC_SHA1, samples.NULL_SHA1], ids=samples.name)
def test_the_order_of_a_batch_counts(pair: samples.Pair) -> None:
    sealed = outbound(pair).seal([PACKET] * 40, 4)
    into = inbound(pair, replay_window=32)
    batch = [sealed[1], sealed[1], sealed[0], sealed[39], sealed[0], sealed[7], sealed[8], sealed[8]]
    replay = Drop.REPLAY
    assert into.open(batch, 0.0) == [OPENED, replay, OPENED, OPENED, replay, replay, OPENED, replay]
    assert into.open([sealed[8], sealed[9]], 0.0) == [replay, OPENED]
    assert into.drops == {replay: 5}


@pytest.mark.parametrize("pair", [samples.GCM, samples.CBC_SHA1], ids=samples.name)
def test_what_is_not_authentic_does_not_move_the_window(pair: samples.Pair) -> None:
    sealed = outbound(pair).seal([PACKET] * 2, 4)
    forged = sealed[0][:4] + b"\xff\xff\xff\xff" + sealed[0][8:]
    broken = sealed[1][:-1] + bytes([sealed[1][-1] ^ 1])
    into = inbound(pair)
    assert into.open([forged, broken, *sealed], 0.0) == [Drop.BAD_ICV, Drop.BAD_ICV, OPENED, OPENED]


def test_a_window_of_none_lets_replays_in() -> None:
    sealed = outbound().seal([PACKET], 4)
    assert inbound(replay_window=0).open(sealed * 3, 0.0) == [OPENED] * 3


def test_without_integrity_there_is_no_window() -> None:
    pair = (samples.EspCipher.AES_CBC, 128, samples.Integrity.NONE)
    sealed = outbound(pair).seal([PACKET], 4)
    assert inbound(pair).open(sealed * 2, 0.0) == [OPENED] * 2


@pytest.mark.parametrize("pair", [samples.GCM, samples.CBC_SHA1, samples.CBC_SHA256], ids=samples.name)
def test_extended_numbers_across_the_border(pair: samples.Pair) -> None:
    out = outbound(pair, sequence=HALF - 20, extended_sequence_numbers=True)
    into = inbound(pair, replay_window=32, extended_sequence_numbers=True)
    into._window.advance(HALF - 30)
    sealed = out.seal([PACKET] * 40, 4)
    batch = sealed[:15] + sealed[25:] + sealed[15:25]
    assert into.open(batch, 0.0) == [OPENED] * 40
    # What lies behind the window is taken for a number far ahead, and its ICV cannot fit that (appendix A2.2).
    assert into.open(sealed, 0.0) == [Drop.BAD_ICV] * 8 + [Drop.REPLAY] * 32


def test_the_high_half_is_authenticated() -> None:
    for pair in (samples.GCM, samples.CBC_SHA1):
        high = outbound(pair, sequence=5 * HALF, extended_sequence_numbers=True).seal([PACKET], 4)
        assert inbound(pair, extended_sequence_numbers=True).open(high, 0.0) == [Drop.BAD_ICV]
        assert inbound(pair).open(high, 0.0) == [Drop.BAD_ICV]


# what is inside


@pytest.mark.parametrize(
    ("plaintext", "reason"),
    [
        (PACKET + bytes([1, 2, 4, 3, 4, 4]), Drop.BAD_PADDING),
        (PACKET + bytes([0, 0, 2, 4]), Drop.BAD_PADDING),
        (bytes([1, 2, 255, 4]), Drop.BAD_PADDING),
        (bytes([3, 4]), Drop.BAD_PADDING),
        (bytes([0, 59]), Drop.DUMMY),
        (PACKET + bytes([1, 1, 59]), Drop.DUMMY),
        (PACKET + bytes([0, 6]), Drop.NEXT_HEADER),
        (PACKET + bytes([0, 50]), Drop.NEXT_HEADER),
        (PACKET + bytes([0, 41]), Drop.MALFORMED_INNER),
        (ipv6(ports(1, 2)) + bytes([0, 4]), Drop.MALFORMED_INNER),
        (bytes([0, 4]), Drop.MALFORMED_INNER),
        (PACKET[:-1] + bytes([0, 4]), Drop.MALFORMED_INNER),
        (ipv4(b"\0", protocol=TCP) + bytes([0, 4]), Drop.MALFORMED_INNER),
        (ipv4(ports(1, 2), source="172.16.0.1") + bytes([0, 4]), Drop.SELECTOR),
        (ipv6(ports(1, 2)) + bytes([0, 41]), Drop.SELECTOR),
    ],
)
def test_authentic_packets_with_bad_contents(plaintext: bytes, reason: Drop) -> None:
    ours = Selector(AddressRange.of("10.2.2.0/24"), AddressRange.of("10.1.1.0/24"))
    into = inbound(selectors=(ours,))
    packet = crafted(samples.GCM, plaintext)
    assert into.open([packet], 3.0) == [reason]
    assert into.drops == {reason: 1}
    assert into.open([packet], 4.0) == [Drop.REPLAY], "it was authentic, so its number is used"
    assert into.used_at == 3.0


def test_padding_for_traffic_flow_confidentiality_is_cut_off() -> None:
    for inner, header in ((PACKET, 4), (ipv6(ports(1, 2)), 41)):
        packet = crafted(samples.GCM, inner + bytes(100) + bytes([0, header]))
        assert inbound().open([packet], 0.0) == [Opened(inner, header)]


def test_longer_padding_than_needed_is_allowed() -> None:
    packet = crafted(samples.GCM, PACKET + bytes(range(1, 256)) + bytes([255, 4]))
    assert inbound().open([packet], 0.0) == [OPENED]


def test_transport_mode_takes_any_next_header() -> None:
    into = inbound(mode=SaMode.TRANSPORT, selectors=())
    packets = outbound(mode=SaMode.TRANSPORT).seal([b"udp", b"", b"icmp"], [17, 6, 1])
    assert into.open(packets, 0.0) == [Opened(b"udp", 17), Opened(b"", 6), Opened(b"icmp", 1)]


def test_good_and_bad_keep_their_places() -> None:
    sealed = outbound(samples.CBC_SHA1).seal([PACKET, ipv4(ports(3, 4)), PACKET], 4)
    batch: list[bytes | memoryview] = [b"", sealed[0], sealed[0], sealed[1][:-1], sealed[1], memoryview(sealed[2])]
    expected = [Drop.SHORT, OPENED, Drop.REPLAY, Drop.LENGTH, Opened(ipv4(ports(3, 4)), 4), OPENED]
    assert inbound(samples.CBC_SHA1).open(batch, 0.0) == expected


def test_idle_time_counts_from_authentic_packets() -> None:
    into = inbound()
    sealed = outbound().seal([PACKET], 4)
    into.open([bytes(100)], 1.0)
    assert into.used_at is None
    into.open(sealed, 2.0)
    into.open(sealed, 3.0)
    assert into.used_at == 2.0


def test_an_outbound_sa_cannot_open() -> None:
    with pytest.raises(UsageError):
        Inbound(samples.sa(Direction.OUT))


_PADDING = st.sampled_from([b"", b"\1", b"\1\2", b"\2\1", b"\1\2\3"])
_TRAILERS = st.tuples(_PADDING, st.integers(0, 4), st.sampled_from([4, 41, 50, 59]))
_INSIDE = st.sampled_from([
    PACKET, PACKET + b"more", PACKET[:-1], b"", b"\x45", ipv6(ports(1, 2)), ipv4(ports(1, 2), target="10.9.9.9"),
    ipv4(b"", protocol=samples.ICMP), ipv4(bytes(8), protocol=samples.ICMP), ipv4(bytes(8), protocol=50),
])  # fmt: skip


@example([(ipv4(ports(1, 2), target="10.9.9.9"), (b"", 0, 4), 1, False)])
@given(st.lists(st.tuples(_INSIDE, _TRAILERS, st.integers(1, 40), st.booleans()), max_size=8))
def test_one_alone_is_opened_as_a_batch_of_one(sent: list[tuple[bytes, tuple[bytes, int, int], int, bool]]) -> None:
    """Whatever is inside, replayed or forged: the same packets, drops and counters."""
    here = Selector(AddressRange.of("10.0.0.0/14"), AddressRange.of("10.0.0.0/14"))
    everywhere = Selector(AddressRange.everything(6), AddressRange.everything(6))
    alone, batch = (inbound(selectors=(here, everywhere), replay_window=32) for _ in range(2))
    for inner, (padding, length, next_header), sequence, is_forged in sent:
        packet = crafted(samples.GCM, inner + padding + bytes([length, next_header]), sequence)
        if is_forged:
            packet = packet[:-1] + bytes([packet[-1] ^ 1])
        (expected,) = batch.open([packet], 1.0)
        assert alone.open_one(packet, 1.0) == (expected.data if isinstance(expected, Opened) else expected)
    assert (alone.packets, alone.bytes, alone.drops) == (batch.packets, batch.bytes, batch.drops)
    assert alone.used_at == batch.used_at
