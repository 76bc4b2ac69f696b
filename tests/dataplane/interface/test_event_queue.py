from collections import OrderedDict
from collections.abc import Hashable, Iterator
from itertools import pairwise

import pytest

from ikevpn.dataplane.interface.data_plane import DataPlaneEvent
from ikevpn.dataplane.interface.event_queue import Backlog
from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Acquire, Expire, Mapping, UnknownSpi
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, ExpireKind
from tests.dataplane.fakes import OURS, THEIRS, selector


def datagram(n: int) -> IkeDatagram:
    return IkeDatagram(bytes([n]), OURS, THEIRS)


ACQUIRE = Acquire("paris", 1, selector())
EXPIRE = Expire(5, Direction.IN, 1, "paris", ExpireKind.HARD)


def drain(backlog: Backlog) -> list[object]:
    return [backlog.pop() for _ in range(len(backlog.events))]


def test_first_in_first_out() -> None:
    backlog = Backlog()
    for event in (ACQUIRE, datagram(1), EXPIRE):
        backlog.push(event)
    assert backlog.first() == ACQUIRE
    assert drain(backlog) == [ACQUIRE, datagram(1), EXPIRE]


def test_oldest_datagram_gives_way_and_nothing_else_does() -> None:
    backlog = Backlog(limit=2)
    for event in (ACQUIRE, datagram(1), UnknownSpi(9, OURS, THEIRS), EXPIRE, datagram(2), datagram(3)):
        backlog.push(event)
    assert drain(backlog) == [ACQUIRE, EXPIRE, datagram(2), datagram(3)]
    assert backlog.lost == 2


def test_what_matters_is_never_lost() -> None:
    backlog = Backlog(limit=1)
    for _ in range(100):
        backlog.push(EXPIRE)
    assert len(backlog.events) == 100


def test_room_comes_back() -> None:
    backlog = Backlog(limit=1)
    for n in range(3):
        backlog.push(datagram(n))
        assert backlog.pop() == datagram(n)
    assert backlog.lost == 0


def test_a_peer_that_moves_and_moves_is_one_event() -> None:
    places = [Endpoint.of("192.0.2.2", 20_000 + n) for n in range(4)]
    backlog = Backlog()
    for old, new in pairwise(places):
        backlog.push(Mapping(5, 1, "paris", old, new))
    assert drain(backlog) == [Mapping(5, 1, "paris", places[0], places[-1])]
    backlog.push(Mapping(5, 1, "paris", places[-1], places[0]))
    assert drain(backlog) == [Mapping(5, 1, "paris", places[-1], places[0])]


def test_the_last_mapping_of_a_reqid_is_heard_last() -> None:
    a, b, c = (Endpoint.of("192.0.2.2", 20_000 + n) for n in range(3))
    backlog = Backlog()
    for event in (Mapping(5, 1, "paris", a, b), Mapping(6, 1, "paris", b, c), EXPIRE, Mapping(5, 1, "paris", c, b)):
        backlog.push(event)
    assert drain(backlog) == [Mapping(6, 1, "paris", b, c), EXPIRE, Mapping(5, 1, "paris", a, b)]


def test_there_is_nothing_in_an_empty_backlog() -> None:
    with pytest.raises(IndexError):
        Backlog().first()
    with pytest.raises(IndexError):
        Backlog().pop()


def test_to_lose_the_oldest_costs_the_same_however_much_waits() -> None:
    class Unsearched(OrderedDict[Hashable, DataPlaneEvent]):
        def __iter__(self) -> Iterator[Hashable]:
            raise AssertionError("a search through all that waits")

        items = values = keys = __iter__  # type: ignore[assignment]

    backlog = Backlog(limit=2)
    backlog.events = Unsearched()
    for _ in range(100):
        backlog.push(EXPIRE)
    for n in range(10):
        backlog.push(datagram(n))
    backlog.events = OrderedDict(OrderedDict.items(backlog.events))
    assert drain(backlog) == [*[EXPIRE] * 100, datagram(8), datagram(9)]
    assert backlog.lost == 8
