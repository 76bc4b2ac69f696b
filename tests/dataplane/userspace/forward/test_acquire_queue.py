from ikevpn.dataplane.userspace.forward.acquire_queue import PACKETS_IN_ALL, PACKETS_PER_REQID, PATIENCE_S, Held, Hold


def test_first_packet_of_a_reqid_is_the_one_that_acquires() -> None:
    hold = Hold()
    assert hold.add(1, "vpn", b"a", 0.0) == Held(kept=True, first=True)
    assert hold.add(1, "vpn", b"b", 0.0) == Held(kept=True, first=False)
    assert hold.add(2, "vpn", b"c", 0.0) == Held(kept=True, first=True)


def test_taken_packets_come_in_order_and_end_the_wait() -> None:
    hold = Hold()
    hold.add(1, "one", b"a", 0.0)
    hold.add(1, "two", b"b", 0.0)
    assert hold.take(1) == [("one", b"a"), ("two", b"b")]
    assert hold.take(1) == []
    assert len(hold) == 0
    assert hold.add(1, "one", b"c", 0.0).first


def test_the_first_few_packets_are_kept() -> None:
    hold = Hold()
    kept = [hold.add(1, "vpn", bytes([n]), 0.0).kept for n in range(PACKETS_PER_REQID + 2)]
    assert kept == [True] * PACKETS_PER_REQID + [False, False]
    assert [packet for _, packet in hold.take(1)] == [bytes([n]) for n in range(PACKETS_PER_REQID)]


def test_packets_are_bounded_in_all_but_every_reqid_acquires() -> None:
    hold = Hold()
    for n in range(PACKETS_IN_ALL):
        hold.add(n, "vpn", b"", 0.0)
    assert hold.add(-1, "vpn", b"", 0.0) == Held(kept=False, first=True)
    assert len(hold) == PACKETS_IN_ALL


def test_a_wait_in_vain_is_forgotten_and_the_next_packet_acquires_again() -> None:
    hold = Hold()
    assert hold.next_timer is None
    hold.add(1, "vpn", b"a", 10.0)
    hold.add(2, "vpn", b"b", 11.0)
    assert hold.next_timer == 10.0 + PATIENCE_S
    assert hold.forget(10.0 + PATIENCE_S - 0.1) == 0
    assert hold.forget(10.0 + PATIENCE_S) == 1
    assert hold.add(1, "vpn", b"c", 41.0).first
    assert not hold.add(2, "vpn", b"d", 40.0).first
