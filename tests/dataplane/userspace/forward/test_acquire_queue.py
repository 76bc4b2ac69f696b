from ikevpn.dataplane.userspace.forward.acquire_queue import (
    PACKETS_IN_ALL,
    PACKETS_PER_REQID,
    PATIENCE_S,
    AcquireQueue,
    Held,
)


def test_first_packet_of_a_reqid_is_the_one_that_acquires() -> None:
    queue = AcquireQueue()
    assert queue.add(1, "vpn", b"a", 0.0) == Held(kept=True, first=True)
    assert queue.add(1, "vpn", b"b", 0.0) == Held(kept=True, first=False)
    assert queue.add(2, "vpn", b"c", 0.0) == Held(kept=True, first=True)


def test_taken_packets_come_in_order_and_end_the_wait() -> None:
    queue = AcquireQueue()
    queue.add(1, "one", b"a", 0.0)
    queue.add(1, "two", b"b", 0.0)
    assert queue.take(1) == [("one", b"a"), ("two", b"b")]
    assert queue.take(1) == []
    assert len(queue) == 0
    assert queue.add(1, "one", b"c", 0.0).first


def test_the_first_few_packets_are_kept() -> None:
    queue = AcquireQueue()
    kept = [queue.add(1, "vpn", bytes([n]), 0.0).kept for n in range(PACKETS_PER_REQID + 2)]
    assert kept == [True] * PACKETS_PER_REQID + [False, False]
    assert [packet for _, packet in queue.take(1)] == [bytes([n]) for n in range(PACKETS_PER_REQID)]


def test_packets_are_bounded_in_all_but_every_reqid_acquires() -> None:
    queue = AcquireQueue()
    for n in range(PACKETS_IN_ALL):
        queue.add(n, "vpn", b"", 0.0)
    assert queue.add(-1, "vpn", b"", 0.0) == Held(kept=False, first=True)
    assert len(queue) == PACKETS_IN_ALL


def test_a_wait_in_vain_is_forgotten_and_the_next_packet_acquires_again() -> None:
    queue = AcquireQueue()
    assert queue.next_timer is None
    queue.add(1, "vpn", b"a", 10.0)
    queue.add(2, "vpn", b"b", 11.0)
    assert queue.next_timer == 10.0 + PATIENCE_S
    assert queue.forget(10.0 + PATIENCE_S - 0.1) == 0
    assert queue.forget(10.0 + PATIENCE_S) == 1
    assert queue.add(1, "vpn", b"c", 41.0).first
    assert not queue.add(2, "vpn", b"d", 40.0).first
