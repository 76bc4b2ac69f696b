from ikevpn.dataplane.backlog import Backlog
from ikevpn.dataplane.interface import Acquire, Expire, IkeDatagram, UnknownSpi
from ikevpn.model.sa import Direction, ExpireKind
from tests.dataplane.fakes import OURS, THEIRS, selector


def datagram(n: int) -> IkeDatagram:
    return IkeDatagram(bytes([n]), OURS, THEIRS)


ACQUIRE = Acquire("paris", 1, selector())
EXPIRE = Expire(5, Direction.IN, 1, "paris", ExpireKind.HARD)


def drain(backlog: Backlog) -> list[object]:
    return [backlog.pop() for _ in range(len(backlog))]


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
    assert len(backlog) == 100


def test_room_comes_back() -> None:
    backlog = Backlog(limit=1)
    for n in range(3):
        backlog.push(datagram(n))
        assert backlog.pop() == datagram(n)
    assert backlog.lost == 0
