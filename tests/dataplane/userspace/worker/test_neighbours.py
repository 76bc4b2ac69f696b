from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.packet.ends import Arrival
from ikevpn.dataplane.userspace.packet.stats import Stats
from ikevpn.dataplane.userspace.worker.neighbours import (
    MOST_OCTETS,
    MOST_TOLD,
    SILENCE_S,
    InboxReceiver,
    Neighbours,
    open_inbox,
)
from ikevpn.model.sa import Encapsulation
from tests.dataplane.fakes import THERE


class Street:
    def __init__(self) -> None:
        self.told: list[TooBig] = []
        reading, self.writing = open_inbox()
        self.inbox = InboxReceiver(reading, self.told.append)
        self.reading = reading
        self.stats = Stats()
        self.neighbours = Neighbours(self.stats)
        self.neighbours.use(1, self.writing)


@pytest.fixture
def street() -> Iterator[Street]:
    made = Street()
    with made.reading, made.writing:
        yield made


def test_packets_arrive_as_they_came(street: Street) -> None:
    raw = replace(THERE, encapsulation=Encapsulation.NONE)
    street.neighbours.hand_over(1, Arrival(THERE, [b"one", b"two"]))
    street.neighbours.hand_over(1, Arrival(raw, [b"three"], 3))
    assert street.inbox.read_batch(96) == [Arrival(THERE, (b"one", b"two")), Arrival(raw, (b"three",), 3)]
    assert street.inbox.read_batch(96) == []
    assert street.stats.report() == {"handed-over": 3}


def test_what_a_router_says_is_told(street: Street) -> None:
    error = TooBig(THERE.remote.address, 1300, b"\0\0\0\1", local=False)
    street.neighbours.tell(error, 0.0)
    street.neighbours.hand_over(1, Arrival(THERE, [b"one"]))
    assert street.inbox.read_batch(96) == [Arrival(THERE, (b"one",))]
    assert street.told == [error]


def test_the_same_is_told_seldom_and_little_in_all(street: Street) -> None:
    for number in range(2 * MOST_TOLD):
        for _ in range(2):
            street.neighbours.tell(TooBig(THERE.remote.address, number, b"", local=False), 0.0)
    street.neighbours.tell(TooBig(THERE.remote.address, 0, b"", local=False), SILENCE_S)
    assert street.inbox.read_batch(MOST_TOLD) == []
    assert [error.mtu for error in street.told] == [*range(MOST_TOLD)], "words of routers count like packets"
    street.inbox.read_batch(MOST_TOLD)
    assert [error.mtu for error in street.told[MOST_TOLD:]] == [0]


def test_a_forged_word_takes_no_place_of_a_real_one(street: Street) -> None:
    """Nothing but the SPI in the quote tells them apart, and only its worker knows which is right."""
    errors = [TooBig(THERE.remote.address, 1300, quote, local=False) for quote in (b"\0\0\0\7", b"\0\0\0\1")]
    for error in errors:
        street.neighbours.tell(error, 0.0)
    street.inbox.read_batch(96)
    assert street.told == errors


def test_a_batch_is_bounded(street: Street) -> None:
    for _ in range(3):
        street.neighbours.hand_over(1, Arrival(THERE, [b"x"] * 4))
    assert [len(arrival.datagrams) for arrival in street.inbox.read_batch(5)] == [4, 4]
    assert len(street.inbox.read_batch(5)) == 1


def test_large_batches_go_in_parts(street: Street) -> None:
    packets = [bytes(30_000), bytes(65_000), bytes(1000), bytes(1000)]
    street.neighbours.hand_over(1, Arrival(THERE, packets))
    parts = street.inbox.read_batch(96)
    assert [len(part.datagrams) for part in parts] == [1, 1, 2]
    assert [packet for part in parts for packet in part.datagrams] == packets
    assert all(sum(map(len, part.datagrams)) <= MOST_OCTETS for part in parts)


def test_a_full_inbox_loses_and_counts(street: Street) -> None:
    for _ in range(200):
        street.neighbours.hand_over(1, Arrival(THERE, [bytes(60_000)]))
    report = street.stats.report()
    assert report["handed-over"] + report["drop-queue-full"] == 200 and report["drop-queue-full"] > 100
    assert len(street.inbox.read_batch(1000)) == report["handed-over"]
    assert street.inbox.lost() == 0


def test_a_neighbour_that_is_not_known(street: Street) -> None:
    street.neighbours.hand_over(2, Arrival(THERE, [b"one", b"two"]))
    assert street.stats.report() == {"drop-queue-full": 2}
