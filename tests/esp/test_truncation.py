"""HMAC-SHA2-256 cut in two ways: found, told, followed, and not to be abused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.truncation import has_two_truncations, with_truncation
from ikevpn.model.sa import Direction
from tests.esp import samples
from tests.esp.samples import CBC_SHA256, ipv4, ports

PACKET = ipv4(ports(1, 2, b"inner"))
OPENED = Opened(PACKET, 4)
PAIRS = [pair for pair in samples.PAIRS if pair[2] is samples.Integrity.HMAC_SHA2_256]


def theirs(bits_96: bool, pair: samples.Pair = CBC_SHA256, *, sequence: int = 0) -> Outbound:
    sa = with_truncation(samples.sa(Direction.OUT, pair), bits_96)
    return Outbound(sa, samples.entropy(), sequence=sequence)


def ours(bits_96: bool, pair: samples.Pair = CBC_SHA256, *, adapt: bool = True) -> Inbound:
    return Inbound(with_truncation(samples.sa(Direction.IN, pair), bits_96), adapt_truncation=adapt)


def opened(answers: Sequence[Opened | Drop]) -> int:
    return sum(isinstance(answer, Opened) for answer in answers)


@pytest.mark.parametrize("bits_96", [False, True])
@pytest.mark.parametrize("pair", PAIRS, ids=samples.name)
def test_the_peers_truncation_is_found_and_followed(pair: samples.Pair, bits_96: bool) -> None:
    into = ours(not bits_96, pair)
    forged = bytes(4) + b"\0\0\0\1" + bytes(100)
    answers = into.open([forged, *theirs(bits_96, pair).seal([PACKET] * 3, 4)], 0.0)
    assert isinstance(answers[0], Drop)
    assert answers[1:] == [OPENED] * 3, "not even the first is lost"
    assert into.truncation_hint == (12 if bits_96 else 16)
    assert into.sa.algorithms.integrity_96 is bits_96


@pytest.mark.parametrize("bits_96", [False, True])
def test_no_hint_where_all_is_as_agreed(bits_96: bool) -> None:
    into = ours(bits_96)
    assert into.open(theirs(bits_96).seal([PACKET] * 2, 4), 0.0) == [OPENED] * 2
    assert into.truncation_hint is None
    assert into.sa.algorithms.integrity_96 is bits_96


@pytest.mark.parametrize("bits_96", [False, True])
def test_told_but_not_followed(bits_96: bool) -> None:
    into = ours(not bits_96, adapt=False)
    answers = into.open(theirs(bits_96).seal([PACKET] * 3, 4), 0.0)
    assert answers[0] is Drop.BAD_ICV
    assert opened(answers) == 0
    assert into.truncation_hint == (12 if bits_96 else 16)
    assert into.sa.algorithms.integrity_96 is not bits_96


def test_128_bits_once_seen_cannot_be_talked_down() -> None:
    into = ours(False)
    assert into.open(theirs(False).seal([PACKET], 4), 0.0) == [OPENED]
    answers = into.open(theirs(True, sequence=1).seal([PACKET], 4), 0.0)
    assert answers == [Drop.LENGTH]
    assert into.truncation_hint is None


@pytest.mark.parametrize("adapt", [True, False])
def test_a_packet_cut_on_the_way_misleads_only_until_the_next_whole_one(adapt: bool) -> None:
    """Who cuts four octets off a packet of 16 makes it one of 12."""
    sealed = theirs(False).seal([PACKET] * 3, 4)
    into = ours(False, adapt=adapt)
    into.open([sealed[0][:-4]], 0.0)
    assert into.truncation_hint is None
    assert into.open(sealed[1:2], 0.0) == [OPENED]
    assert into.truncation_hint is None
    assert not into.sa.algorithms.integrity_96
    assert isinstance(into.open([sealed[2][:-4]], 0.0)[0], Drop), "now it is settled"
    assert into.open(sealed[2:], 0.0) == [OPENED]


def test_both_truncations_in_one_batch_decrypt() -> None:
    sealed = theirs(False).seal([PACKET] * 3, 4)
    assert ours(False).open([sealed[0][:-4], sealed[1], sealed[2]], 0.0) == [OPENED] * 3


def test_a_replay_is_not_tried_again() -> None:
    zero = samples.SPI.to_bytes(4, "big") + bytes(100)
    assert ours(False).open([zero], 0.0) == [Drop.REPLAY]


def test_outbound_follows_and_goes_on_counting() -> None:
    out = theirs(False)
    out.seal([PACKET] * 3, 4)
    out.follow_truncation(True)
    packet = out.seal([PACKET], 4)[0]
    into = ours(True)
    assert packet[4:8] == (4).to_bytes(4, "big")
    assert into.open([packet], 0.0) == [OPENED]
    assert into.truncation_hint is None


@pytest.mark.parametrize("pair", samples.PAIRS, ids=samples.name)
def test_other_algorithms_know_one_truncation(pair: samples.Pair) -> None:
    assert has_two_truncations(samples.sa(Direction.IN, pair)) is (pair in PAIRS)


def test_cut_copies_that_overtake_every_packet_do_not_force_it() -> None:
    """The originals come as replays then, and are whole all the same."""
    sealed = theirs(False).seal([PACKET] * 8, 4)
    into = ours(False)
    cut = [packet[:-4] for packet in sealed]
    assert into.open(cut[:2], 0.0) == [OPENED] * 2 and into.truncation_hint is None
    assert into.open(sealed[:1], 0.0) == [Drop.REPLAY]
    answers = into.open(cut[2:], 0.0)
    assert opened(answers) == 0 and into.truncation_hint is None and not into.sa.algorithms.integrity_96
    assert into.open(sealed[2:], 0.0) == [OPENED] * 6


def test_one_cut_packet_again_and_again_is_one() -> None:
    sealed = theirs(False).seal([PACKET], 4)
    into = ours(False, adapt=False)
    for _ in range(10):
        into.open([sealed[0][:-4]], 0.0)
    assert into.truncation_hint is None
    assert into.open(sealed, 0.0) == [OPENED]


def test_what_was_believed_ends_with_the_first_whole_one() -> None:
    sealed = theirs(False).seal([PACKET] * 6, 4)
    into = ours(False)
    into.open([packet[:-4] for packet in sealed[:4]], 0.0)
    assert into.truncation_hint == 12
    assert into.open(sealed[3:4], 0.0) == [Drop.REPLAY]
    assert into.truncation_hint is None and not into.sa.algorithms.integrity_96
