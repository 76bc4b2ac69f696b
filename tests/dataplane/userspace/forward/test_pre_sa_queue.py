from dataclasses import replace

from ikevpn.dataplane.userspace.forward.pre_sa_queue import (
    OCTETS_IN_ALL,
    PACKETS_IN_ALL,
    PACKETS_PER_SENDER,
    PATIENCE_S,
    PreSaQueue,
)
from ikevpn.dataplane.userspace.packet.ends import Arrival
from ikevpn.model.address import Endpoint
from tests.dataplane.fakes import THERE

MOVED = replace(THERE, remote=Endpoint.of("203.0.113.9", 4500))


def from_host(number: int) -> Endpoint:
    return Endpoint.of(f"198.51.{number >> 8}.{number & 255}", 4500)


def test_taken_packets_come_in_order_and_end_the_wait() -> None:
    queue = PreSaQueue()
    assert queue.add(1, Arrival(THERE, [b"a", b"b"]), 0.0) == 2
    assert queue.add(2, Arrival(THERE, [b"x"]), 0.0) == 1
    assert queue.add(1, Arrival(MOVED, [b"c"]), 0.1) == 1
    assert queue.take(1) == [Arrival(THERE, [b"a", b"b"]), Arrival(MOVED, [b"c"])]
    assert queue.take(1) == []
    assert len(queue) == 1


def test_the_first_packets_of_a_sender_are_kept_whatever_ports_and_spis_it_uses() -> None:
    queue = PreSaQueue()
    packets = [bytes([n]) for n in range(PACKETS_PER_SENDER)]
    assert queue.add(1, Arrival(THERE, packets[:-1]), 0.0) == PACKETS_PER_SENDER - 1
    elsewhere = replace(THERE, remote=THERE.remote.at(1))
    assert queue.add(2, Arrival(elsewhere, packets), 0.0) == 1
    assert queue.add(1, Arrival(THERE, packets), 0.0) == 0
    assert queue.add(1, Arrival(MOVED, packets), 0.0) == PACKETS_PER_SENDER
    queue.take(1)
    assert queue.add(3, Arrival(THERE, packets), 0.0) == PACKETS_PER_SENDER - 1


def test_all_senders_together_are_bounded_in_packets() -> None:
    queue = PreSaQueue()
    kept = sum(
        queue.add(n, Arrival(replace(THERE, remote=from_host(n)), [b"", b""]), 0.0) for n in range(PACKETS_IN_ALL)
    )
    assert kept == len(queue) == PACKETS_IN_ALL


def test_all_senders_together_are_bounded_in_octets() -> None:
    queue = PreSaQueue()
    large = bytes(65_000)
    kept = sum(queue.add(n, Arrival(replace(THERE, remote=from_host(n)), [large]), 0.0) for n in range(50))
    assert kept == OCTETS_IN_ALL // len(large)
    queue.take(0)
    assert queue.add(0, Arrival(THERE, [large, large]), 0.0) == 1


def test_what_waits_in_vain_is_forgotten() -> None:
    queue = PreSaQueue()
    assert queue.next_timer is None
    queue.add(1, Arrival(THERE, [b"a", b"b"]), 10.0)
    queue.add(2, Arrival(THERE, [b"c"]), 10.2)
    queue.add(1, Arrival(THERE, [b"d"]), 10.3)
    assert queue.next_timer == 10.0 + PATIENCE_S
    assert queue.forget(10.0 + PATIENCE_S - 0.01) == 0
    assert queue.forget(10.0 + PATIENCE_S) == 3
    assert queue.take(1) == []
    assert queue.next_timer == 10.2 + PATIENCE_S


def test_packets_keep_their_congestion_mark() -> None:
    queue = PreSaQueue()
    queue.add(1, Arrival(THERE, [b"a"], 3), 0.0)
    assert queue.take(1) == [Arrival(THERE, [b"a"], 3)]
