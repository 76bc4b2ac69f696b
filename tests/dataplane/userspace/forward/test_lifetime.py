import pytest

from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.dataplane.userspace.forward.association import Association, OutboundSa
from ikevpn.dataplane.userspace.forward.lifetime import Lifetimes
from ikevpn.model.sa import Direction, ExpireKind, Limits
from tests.esp.samples import SPI, entropy, ipv4, sa


class Watched:
    def __init__(self, limits: Limits, now: float = 100.0) -> None:
        self.events: list[Expire] = []
        self.ends = 0
        self.lifetimes = Lifetimes(self.events.append, self.ended)
        self.association = OutboundSa(sa(Direction.OUT, limits=limits), entropy(), now)
        self.lifetimes.add(self.association, now)

    def ended(self, association: Association) -> None:
        assert association is self.association
        self.ends += 1

    def kinds(self) -> list[ExpireKind]:
        assert {(event.spi, event.direction) for event in self.events} <= {(SPI, Direction.OUT)}
        return [event.kind for event in self.events]


def test_seconds() -> None:
    watched = Watched(Limits(soft_seconds=10, hard_seconds=20))
    assert watched.lifetimes.next_timer == 110.0
    watched.lifetimes.timer(109.0)
    assert watched.kinds() == []
    watched.lifetimes.timer(110.0)
    assert watched.kinds() == [ExpireKind.SOFT]
    assert watched.lifetimes.next_timer == 120.0
    watched.lifetimes.timer(120.0)
    assert watched.kinds() == [ExpireKind.SOFT, ExpireKind.HARD]
    assert watched.association.expired
    assert watched.ends == 1
    assert watched.lifetimes.next_timer is None


def test_an_end_between_two_floating_point_numbers_is_not_missed() -> None:
    watched = Watched(Limits(hard_seconds=0.1), now=1e9 + 0.3)
    now = 1e9 + 0.3
    while not watched.association.expired:
        due = watched.lifetimes.next_timer
        assert due is not None
        now = max(due, now + 1e-7)
        watched.lifetimes.timer(now)
    assert watched.kinds() == [ExpireKind.HARD]


def test_octets_and_packets() -> None:
    watched = Watched(Limits(soft_packets=2, hard_bytes=100))
    for sealed, kinds in (
        (1, []),
        (2, [ExpireKind.SOFT]),
        (3, [ExpireKind.SOFT]),
        (5, [ExpireKind.SOFT, ExpireKind.HARD]),
    ):
        while watched.association.state.packets < sealed:
            watched.association.state.seal([ipv4()], 4)
        watched.lifetimes.check(watched.association, 100.0)
        assert watched.kinds() == kinds


def test_the_end_is_told_once() -> None:
    watched = Watched(Limits(hard_seconds=10))
    watched.lifetimes.end(watched.association)
    watched.lifetimes.end(watched.association)
    watched.lifetimes.timer(1000.0)
    assert watched.kinds() == [ExpireKind.HARD]


def test_a_deleted_sa_expires_no_more() -> None:
    watched = Watched(Limits(hard_seconds=10))
    watched.lifetimes.delete(watched.association)
    watched.lifetimes.timer(1000.0)
    assert watched.kinds() == []


def test_the_work_for_one_does_not_grow_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Association] = []
    check = Lifetimes.check

    def counted(self: Lifetimes, association: Association, now: float) -> None:
        looked_at.append(association)
        check(self, association, now)

    monkeypatch.setattr(Lifetimes, "check", counted)
    watched = Watched(Limits(hard_seconds=5))
    for number in range(1000):
        other = sa(Direction.OUT, spi=1000 + number, limits=Limits(soft_seconds=1000 + number))
        watched.lifetimes.add(OutboundSa(other, entropy(), 100.0), 100.0)
    watched.lifetimes.timer(105.0)
    assert looked_at == [watched.association]
    assert watched.lifetimes.next_timer == 1100.0
