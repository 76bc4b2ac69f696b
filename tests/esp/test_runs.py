"""Runs against single packets: the same octets, the same answers, the same state; and scapy opens what they make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.ipsec import ESP

from ikevpn.crypto.tables import ESP_CIPHERS, CipherMode
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound, SequenceExhausted
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.transforms.room import LARGEST_PACKET, Rows
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import EspCipher, Integrity
from tests.esp import samples
from tests.esp.samples import GCM, ICMP, UDP, ipv4, ipv6, ports
from tests.esp.test_against_scapy import association, header

TWICE = 2
IN_RUNS = [p for p in samples.PAIRS if ESP_CIPHERS[p[0]].mode is CipherMode.CBC or p[0] is EspCipher.AES_GCM_16]
every_pair = pytest.mark.parametrize("pair", IN_RUNS, ids=samples.name)
extension = pytest.mark.parametrize("extended", [False, True], ids=["", "esn"])
relaxed = settings(max_examples=10)
HIGH = 7 << 32


def rows(packets: list[bytes]) -> Rows:
    return np.frombuffer(b"".join(packets), np.uint8).reshape(len(packets), -1)


def seal(out: Outbound, packets: list[bytes], next_header: int = 4) -> list[bytes]:
    """As a run."""
    room = out.rows(len(packets), len(packets[0]))
    assert room is not None
    room[:] = 0xEE  # what was there before
    room[:, : len(packets[0])] = rows(packets)
    return [row.tobytes() for row in out.seal_rows(len(packets), len(packets[0]), next_header)]


def open_run(into: Inbound, packets: list[bytes]) -> list[Opened | Drop] | None:
    answers = into.open_rows(rows(packets), 5.0)
    if answers is None or isinstance(answers, list):
        return answers
    return [Opened(row.tobytes(), 4 if row[0] >> 4 == 4 else 41) for row in answers]


def inner(version: int, count: int, size: int) -> list[bytes]:
    payloads = [ports(1000, 2000, bytes([n]) * size) for n in range(count)]
    return [ipv4(payload) if version == 4 else ipv6(payload) for payload in payloads]


def state(into: Inbound) -> tuple[object, ...]:
    window = into._window
    return into.bytes, into.packets, into.used_at, into.drops, window.highest, window._seen


@every_pair
@extension
@relaxed
@given(version=st.sampled_from([4, 6]), count=st.integers(1, 70), size=st.integers(0, 1400))
def test_the_same_octets(pair: samples.Pair, extended: bool, version: int, count: int, size: int) -> None:
    sa = samples.sa(Direction.OUT, pair, extended_sequence_numbers=extended)
    singly, together = (Outbound(sa, samples.entropy(), sequence=HIGH if extended else 0) for _ in range(2))
    packets = inner(version, count, size)
    for _ in range(TWICE):
        assert seal(together, packets, 4 if version == 4 else 41) == singly.seal(packets, 4 if version == 4 else 41)
    assert (together.sequence, together.packets, together.bytes) == (singly.sequence, singly.packets, singly.bytes)


@every_pair
@extension
@relaxed
@given(version=st.sampled_from([4, 6]), count=st.integers(1, 70), size=st.integers(0, 1400))
def test_the_same_answers(pair: samples.Pair, extended: bool, version: int, count: int, size: int) -> None:
    out = Outbound(samples.sa(Direction.OUT, pair, extended_sequence_numbers=extended), samples.entropy())
    singly, together = (Inbound(samples.sa(Direction.IN, pair, extended_sequence_numbers=extended)) for _ in range(2))
    packets = inner(version, count, size)
    first, second, third = (out.seal(packets, 4 if version == 4 else 41) for _ in range(3))
    assert together.open(first, 5.0) == singly.open(first, 5.0)  # settles how HMAC-SHA2-256 is cut
    for batch in (second, third):
        assert open_run(together, batch) == singly.open(batch, 5.0)
        assert state(together) == state(singly)


@every_pair
def test_scapy_opens_a_run(pair: samples.Pair) -> None:
    scapy = association(pair, header(4))
    packets = inner(4, 5, 99)
    run = seal(Outbound(samples.sa(Direction.OUT, pair), samples.entropy()), packets)
    for packet, sealed in zip(packets, run, strict=True):
        around = header(4) / ESP(sealed)
        around.proto = 50
        assert bytes(scapy.decrypt(around)) == packet


@pytest.mark.parametrize("pair", [pair for pair in samples.PAIRS if pair not in IN_RUNS], ids=samples.name)
def test_no_way_for_runs(pair: samples.Pair) -> None:
    out, into = Outbound(samples.sa(Direction.OUT, pair), samples.entropy()), Inbound(samples.sa(Direction.IN, pair))
    assert out.rows(4, 100) is None
    into.open(out.seal(inner(4, 4, 50), 4), 0.0)
    assert open_run(into, out.seal(inner(4, 4, 50), 4)) is None


def test_too_large_for_a_run() -> None:
    out = Outbound(samples.sa(Direction.OUT), samples.entropy())
    assert out.rows(4, LARGEST_PACKET) is not None
    assert out.rows(4, LARGEST_PACKET + 1) is None


def test_numbers_never_wrap_in_a_run() -> None:
    out = Outbound(samples.sa(Direction.OUT), samples.entropy(), sequence=(1 << 32) - 4)
    with pytest.raises(SequenceExhausted):
        seal(out, inner(4, 4, 10))
    assert (out.remaining, out.packets, out.bytes) == (3, 0, 0)


def pair_of_ends(pair: samples.Pair = GCM, **changes: object) -> tuple[Outbound, Inbound]:
    out = Outbound(samples.sa(Direction.OUT, pair), samples.entropy())
    return out, Inbound(samples.sa(Direction.IN, pair, **changes))


HARMS = {
    "forged": lambda batch: [*batch[:2], batch[2][:-1] + bytes([batch[2][-1] ^ 1]), *batch[3:]],
    "repeated": lambda batch: [*batch[:2], batch[1], *batch[3:]],
    "overtaken": lambda batch: [batch[1], batch[0], *batch[2:]],
    "missing": lambda batch: [*batch[:2], *batch[3:]],
    "other-spi": lambda batch: [*batch[:2], bytes(4) + batch[2][4:], *batch[3:]],
    "short": lambda batch: [packet[:20] for packet in batch],
    "no-block": lambda batch: [packet[:-1] for packet in batch],
}


@pytest.mark.parametrize("pair", [GCM, samples.CBC_SHA1], ids=samples.name)
@pytest.mark.parametrize("harm", HARMS)
def test_what_is_not_in_order_is_left_to_others(harm: str, pair: samples.Pair) -> None:
    out, into = pair_of_ends(pair)
    batch = HARMS[harm](out.seal(inner(4, 6, 50), 4))
    before = state(into)
    assert open_run(into, batch) is None
    assert state(into) == before


def test_a_run_behind_the_window_or_in_it_is_left_to_others() -> None:
    out, into = pair_of_ends()
    first, second = out.seal(inner(4, 6, 50), 4), out.seal(inner(4, 6, 50), 4)
    assert open_run(into, second) is not None
    assert open_run(into, first) is None
    assert open_run(into, second) is None
    assert len([answer for answer in into.open(first, 0.0) if isinstance(answer, Opened)]) == 6


OFFICE = Selector(AddressRange.of("10.2.2.0/24"), AddressRange.of("10.1.1.0/24"))
ODD = {
    "other-length": ipv4(ports(1000, 2000, bytes(49)), claimed=60),
    "not-ours": ipv4(ports(1000, 2000, bytes(50)), target="10.9.9.9"),
    "other-flow": ipv4(ports(1000, 2001, bytes(50))),
    "other-protocol": ipv4(ports(1000, 2000, bytes(50)), protocol=ICMP),
    "a-fragment": ipv4(ports(1000, 2000, bytes(50)), fragment=0x2000),
    "options": ipv4(ports(1000, 2000, bytes(46)), options=b"\1\1\1\0", protocol=UDP),
    "ipv6": ipv6(ports(1000, 2000, bytes(30))),
    "longer-than-it-is": ipv4(ports(1000, 2000, bytes(50)), claimed=500),
    "shorter-than-it-is": ipv4(ports(1000, 2000, bytes(50)), claimed=70),
    "no-version": b"\x99" + bytes(77),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("at", [0, 2, 5])
@pytest.mark.parametrize("all_alike", [False, True])
def test_odd_packets_inside_are_judged_as_they_would_be_alone(odd: str, at: int, all_alike: bool) -> None:
    out, together = pair_of_ends(selectors=(OFFICE,))
    singly = Inbound(samples.sa(Direction.IN, selectors=(OFFICE,)))
    packets = [ODD[odd]] * 6 if all_alike else inner(4, 6, 50)
    packets[at] = ODD[odd]
    sealed = out.seal(packets, 4)
    assert len({len(packet) for packet in sealed}) == 1
    assert open_run(together, sealed) == singly.open(sealed, 5.0)
    assert state(together) == state(singly)


def test_next_headers_and_padding_are_checked() -> None:
    out, together = pair_of_ends()
    singly = Inbound(samples.sa(Direction.IN))
    sealed = out.seal(inner(4, 6, 50), [4, 4, 41, 59, 6, 4])
    assert open_run(together, sealed) == singly.open(sealed, 5.0)
    assert together.drops == {Drop.MALFORMED_INNER: 1, Drop.DUMMY: 1, Drop.NEXT_HEADER: 1}


def test_sha256_is_left_to_others_until_it_is_settled_how_it_is_cut() -> None:
    out, into = pair_of_ends((EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_256))
    batches = [out.seal(inner(4, 6, 50), 4) for _ in range(3)]
    assert open_run(into, batches[0]) is None
    into.open(batches[1], 0.0)
    assert open_run(into, batches[2]) is not None
