"""Congestion marks that come in, for single packets and for runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet import ecn
from ikevpn.dataplane.userspace.packet.ends import Arrival
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.model.outer_header import OuterHeader
from ikevpn.model.sa import Direction
from tests.dataplane.fakes import THERE, Core, selector
from tests.dataplane.traffic import tcp, versions
from tests.dataplane.userspace.packet.test_ecn import packet
from tests.esp.samples import ANY_IPV6, sa


def core(direction: Direction, **outer: object) -> Core:
    made = Core()
    for way in (selector(), ANY_IPV6):
        made.policy(selector=way)
    made.forwarding.add_sa(message.AddSa(sa(direction, outer=OuterHeader(**outer))), 0.0)  # type: ignore[arg-type]
    return made


def sealed(*packets: bytes) -> list[bytes]:
    peer = core(Direction.OUT)
    peer.leave(*packets)
    return peer.outer.datagrams()


def entered(made: Core) -> list[bytes]:
    return [packet for _, packets in made.devices.written for packet in packets]


@given(
    version=versions,
    mark=st.integers(0, 3),
    services=st.lists(st.integers(0, 255), min_size=4, max_size=12),
    last=st.integers(0, 255),
)
def test_runs_and_single_packets_come_to_the_same(version: int, mark: int, services: list[int], last: int) -> None:
    packets = [packet(version, service) for service in services] + [packet(version, last, b"")]
    datagrams = sealed(*packets)
    single, together = core(Direction.IN), core(Direction.IN)
    single.forwarding.from_outside([Arrival(THERE, datagrams, mark)], 0.0)
    rows = np.frombuffer(b"".join(datagrams[:-1]), np.uint8).reshape(len(services), -1)
    together.forwarding.from_outside([Arrival(THERE, Run(rows, datagrams[-1]), mark)], 0.0)
    expected = [combined for each in packets if (combined := ecn.combine(each, mark)) is not None]
    assert entered(single) == entered(together) == expected
    lost = len(packets) - len(expected)
    for made in (single, together):
        (use,) = made.forwarding.uses(0.0)
        assert dict(use.drops) == ({"ecn": lost} if lost else {})
        assert (use.packets, use.bytes) == (len(expected), sum(map(len, expected)))


@pytest.mark.parametrize("mark", range(4))
def test_without_ecn_marks_stay_outside(mark: int) -> None:
    made = core(Direction.IN, ecn=False)
    packets = [packet(4, service) for service in range(4)]
    made.forwarding.from_outside([Arrival(THERE, sealed(*packets), mark)], 0.0)
    assert entered(made) == packets


def test_marks_of_one_batch_are_kept_apart() -> None:
    made = core(Direction.IN)
    first, second = sealed(packet(4, 2), packet(4, 2))
    made.forwarding.from_outside([Arrival(THERE, [first], 0), Arrival(THERE, [second], 3)], 0.0)
    assert entered(made) == [packet(4, 2), packet(4, 3)]


def test_a_run_of_segments_that_open_connections_is_clamped() -> None:
    made = core(Direction.IN, mss=1000)
    packets = [tcp(4, b"", flags="S", options=[("MSS", mss)]) for mss in (1460, 900, 1460, 1460)]
    rows = np.frombuffer(b"".join(sealed(*packets)), np.uint8).reshape(4, -1)
    made.forwarding.from_outside([Arrival(THERE, Run(rows))], 0.0)
    assert entered(made) == [tcp(4, b"", flags="S", options=[("MSS", mss)]) for mss in (1000, 900, 1000, 1000)]
