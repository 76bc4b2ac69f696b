"""The order of the checks, and that nothing but an authentic packet moves the window."""

from __future__ import annotations

import numpy as np
import pytest

from ikevpn.esp.gate import Gate
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.replay import ReplayWindow
from ikevpn.model.sa import Direction
from tests.esp import samples


@pytest.fixture
def sealed() -> list[bytes]:
    out = Outbound(samples.sa(Direction.OUT, samples.CBC_SHA1), samples.entropy())
    return out.seal([samples.ipv4(samples.ports(1, 2))] * 3, 4)


@pytest.fixture
def gate() -> Gate:
    return Gate(samples.sa(Direction.IN, samples.CBC_SHA1))


def test_an_authentic_packet_moves_the_window(gate: Gate, sealed: list[bytes]) -> None:
    window = ReplayWindow(64)
    body = gate.examine(sealed[1], window)
    assert body == sealed[1][8:-12]
    assert window.highest == 2
    assert gate.examine(sealed[1], window) is Drop.REPLAY
    assert gate.examine(sealed[0], window) == sealed[0][8:-12]


def test_no_other_packet_does(gate: Gate, sealed: list[bytes]) -> None:
    window = ReplayWindow(64)
    refused = {
        Drop.SHORT: sealed[2][:40],
        Drop.LENGTH: sealed[2] + b"\0",
        Drop.BAD_ICV: sealed[2][:-1] + bytes([sealed[2][-1] ^ 1]),
    }
    assert {gate.examine(packet, window) for packet in refused.values()} == set(refused)
    assert window.highest == 0


def test_a_replay_is_known_before_its_icv_is_computed(gate: Gate, sealed: list[bytes]) -> None:
    window = ReplayWindow(64)
    gate.examine(sealed[0], window)
    assert gate.examine(sealed[0][:-1] + bytes([sealed[0][-1] ^ 1]), window) is Drop.REPLAY


def test_nonsense_lengths_are_known_before_the_window_is_asked(gate: Gate, sealed: list[bytes]) -> None:
    window = ReplayWindow(64)
    gate.examine(sealed[0], window)
    assert gate.examine(sealed[0][:20], window) is Drop.SHORT
    assert gate.examine(sealed[0] + b"\0", window) is Drop.LENGTH


def test_a_run_whose_numbers_count_on_in_the_spi_is_none() -> None:
    packets = [samples.ipv4(samples.ports(1, 2))] * 6
    changes = {"extended_sequence_numbers": True}
    sealed = Outbound(samples.sa(Direction.OUT, samples.GCM, **changes), samples.entropy(), sequence=2**32 - 4).seal(
        packets, 4
    )
    heads = [(samples.SPI << 32) + 2**32 - 3 + n for n in range(6)]
    forged = [head.to_bytes(8, "big") + packet[8:] for head, packet in zip(heads, sealed, strict=True)]
    window = ReplayWindow(64, extended=True)
    window.highest = 2**32 - 4
    rows = np.frombuffer(b"".join(forged), np.uint8).reshape(6, -1)
    assert Gate(samples.sa(Direction.IN, samples.GCM, **changes)).open_rows(rows, window) is None
    assert window.highest == 2**32 - 4
