"""Whatever is added and deleted in whatever order: one worker has an SA, and flows of a device stay together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ikevpn.dataplane.userspace.control.placement import Placement
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, PolicyAction
from tests.dataplane.fakes import policy, selector
from tests.esp.samples import CBC_SHA1, GCM, sa

PEERS = [ip_address(f"192.0.2.{number}") for number in range(1, 6)]
NAMES = ["vpn0", "vpn1", "vpn2", "vpn3"]


@given(st.integers(1, 8), st.integers(0, 40))
def test_devices_are_spread_evenly(workers: int, devices: int) -> None:
    placement = Placement(workers)
    load = Counter(placement.place(f"vpn{number}") for number in range(devices))
    assert max(load.values(), default=0) - min(load[worker] for worker in range(workers)) <= 1


@given(st.lists(st.tuples(st.sampled_from(PEERS), st.sampled_from(PEERS)), max_size=12))
def test_devices_of_one_peer_are_together(pairs: list[tuple[object, object]]) -> None:
    placement = Placement(3)
    for number, (one, _) in enumerate(pairs):
        placement.place(f"vpn{number}", [one])  # type: ignore[list-item]
    for number, (one, _) in enumerate(pairs):
        assert placement.of_peer(one) == placement.place(f"vpn{number}")  # type: ignore[arg-type]


def test_the_first_device_is_with_ike_and_a_free_place_is_taken_again() -> None:
    placement = Placement(2)
    assert [placement.place(name) for name in NAMES[:3]] == [0, 1, 0]
    placement.forget("vpn1")
    assert placement.of_device("vpn1") == 0
    assert placement.place("vpn3") == 1


def test_a_device_that_comes_back_goes_where_its_policies_are() -> None:
    placement = Placement(2)
    placement.place("vpn0")
    added = policy(device="vpn1")
    assert placement.add_policy(added) == 1
    placement.forget("vpn1")
    placement.forget("vpn0")
    assert placement.place("vpn1") == 1
    placement.delete_policy(added)
    placement.forget("vpn1")
    assert placement.place("vpn1") == 0


def test_an_sa_follows_the_first_policy_of_its_reqid() -> None:
    placement = Placement(2)
    first, second = policy(device="vpn0", reqid=1), policy(device="vpn1", reqid=2)
    discard = policy(device="vpn1", reqid=1, action=PolicyAction.DISCARD, selector=selector("10.0.0.0/8"))
    for each in (discard, first, second):
        placement.add_policy(each)
    workers = {reqid: placement.add_sa(sa(Direction.IN, spi=1000 + reqid, reqid=reqid))[0] for reqid in (1, 2, 3)}
    assert workers == {1: placement.of_device("vpn0"), 2: placement.of_device("vpn1"), 3: 0}
    assert [placement.inbound(spi) for spi in (1001, 1002, 1003, 1004)] == [*workers.values(), 0]


def test_an_installed_sa_stays_although_its_device_is_elsewhere_now() -> None:
    """The same keys in another worker would use the same sequence numbers again."""
    placement = Placement(2)
    placement.place("vpn0")
    placement.add_policy(policy(device="vpn1", reqid=1))
    out = sa(Direction.OUT, reqid=1)
    assert placement.add_sa(out) == (1, None)
    placement.delete_policy(policy(device="vpn1", reqid=1))
    placement.add_policy(policy(device="vpn0", reqid=1))
    assert placement.add_sa(out) == (1, None)
    assert [placed.sa for placed in placement.astray(1)] == [out]
    (gone,) = placement.delete_sa(out.spi, Direction.OUT, None)
    assert (gone.worker, placement.astray(1), placement.add_sa(out)) == (1, [], (0, None))


def test_an_spi_that_is_given_anew_leaves_its_old_worker() -> None:
    placement = Placement(2)
    placement.add_policy(policy(device="vpn0", reqid=1))
    placement.add_policy(policy(device="vpn1", reqid=2))
    old, new = sa(Direction.IN, reqid=1), sa(Direction.IN, CBC_SHA1, reqid=2)
    placement.add_sa(old)
    worker, before = placement.add_sa(new)
    assert before is not None and (worker, before.worker, before.sa) == (1, 0, old)


def test_outbound_spis_that_two_peers_chose_alike_are_not_moved() -> None:
    placement = Placement(2)
    for number in (0, 1):
        placement.add_policy(policy(device=f"vpn{number}", reqid=number))
        placement.add_sa(sa(Direction.OUT, spi=1, reqid=number))
        placement.add_sa(sa(Direction.OUT, spi=2 + number, reqid=number))
        placement.add_sa(sa(Direction.IN, spi=2, reqid=number))
    assert placement.movable([1, 2, 3, 4]) == {0: [2], 1: [3]}
    assert len(placement.delete_sa(1, Direction.OUT, 0)) == 1
    assert placement.movable([1]) == {1: [1]}


class Changes(RuleBasedStateMachine):
    """Everything that the control process may say, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement(3)

    @rule(name=st.sampled_from(NAMES), peers=st.sets(st.sampled_from(PEERS), max_size=2))
    def device(self, name: str, peers: set[object]) -> None:
        assert self.placement.place(name, peers) == self.placement.of_device(name)  # type: ignore[arg-type]

    @rule(name=st.sampled_from(NAMES))
    def no_device(self, name: str) -> None:
        self.placement.forget(name)

    @rule(name=st.sampled_from(NAMES), reqid=st.integers(1, 3))
    def policy(self, name: str, reqid: int) -> None:
        worker = self.placement.add_policy(policy(device=name, reqid=reqid))
        assert worker == self.placement.of_device(name)

    @rule(name=st.sampled_from(NAMES), reqid=st.integers(1, 3))
    def no_policy(self, name: str, reqid: int) -> None:
        self.placement.delete_policy(policy(device=name, reqid=reqid))

    @rule(
        way=st.sampled_from(Direction), spi=st.integers(1, 3), reqid=st.integers(1, 3),
        keys=st.sampled_from([GCM, CBC_SHA1]), peer=st.sampled_from(PEERS),
    )  # fmt: skip
    def sa(self, way: Direction, spi: int, reqid: int, keys: tuple, peer: object) -> None:  # type: ignore[type-arg]
        remote = Endpoint(peer, 4500)  # type: ignore[arg-type]
        wanted = sa(way, keys, spi=spi, reqid=reqid, remote=remote)
        same = [each for each in self.placement if each.sa.algorithms == wanted.algorithms and _same(each.sa, wanted)]
        worker, before = self.placement.add_sa(wanted)
        assert not same or worker == same[0].worker
        assert before is None or before.worker != worker

    @rule(way=st.sampled_from(Direction), spi=st.integers(1, 3), reqid=st.none() | st.integers(1, 3))
    def no_sa(self, way: Direction, spi: int, reqid: int | None) -> None:
        for gone in self.placement.delete_sa(spi, way, reqid):
            assert (gone.sa.direction, gone.sa.spi) == (way, spi)
        if reqid is None:
            assert not any((each.sa.direction, each.sa.spi) == (way, spi) for each in self.placement)

    @rule(worker=st.integers(0, 2))
    def crash(self, worker: int) -> None:
        assert all(each.worker == worker for each in self.placement.lose(worker))
        assert not any(each.worker == worker for each in self.placement)

    @invariant()
    def nothing_lives_twice(self) -> None:
        placed = list(self.placement)
        assert not any(_same(one.sa, two.sa) for at, one in enumerate(placed) for two in placed[:at])
        for each in placed:
            if each.sa.direction is Direction.IN:
                assert self.placement.inbound(each.sa.spi) == each.worker


def _same(one: object, two: object) -> bool:
    keys = [
        (each.direction, each.spi, 0 if each.direction is Direction.IN else each.reqid)  # type: ignore[attr-defined]
        for each in (one, two)
    ]
    return keys[0] == keys[1]


TestChanges = Changes.TestCase


class Unsearched(dict[object, object]):
    """A table that is asked for what is wanted, and never walked through."""

    def __iter__(self) -> Iterator[object]:
        raise AssertionError("a walk through all")

    items = values = keys = __iter__  # type: ignore[assignment]


def test_nothing_but_the_end_of_a_worker_is_a_walk_through_all() -> None:
    placement = Placement(2)
    for number in range(100):
        placement.place(f"vpn{number}", [PEERS[0] + number])
        placement.add_policy(policy(device=f"vpn{number}", reqid=number))
        for way in Direction:
            placement.add_sa(sa(way, spi=1000 + number, reqid=number))
    for name in ("_devices", "_peers", "_of_device", "_policies", "_reqids", "_sas", "_outbound", "_of_reqid"):
        setattr(placement, name, Unsearched(getattr(placement, name)))
    placement.place("new")
    placement.add_policy(policy(device="new", reqid=500))
    placement.add_sa(sa(Direction.OUT, spi=7, reqid=500))
    assert placement.astray(500) == []
    moved = placement.movable([7, 1001])
    assert sorted(spi for spis in moved.values() for spi in spis) == [7, 1001]
    for way in Direction:
        assert [each.sa.spi for each in placement.delete_sa(1001, way, None)] == [1001]
    assert len(placement.delete_sa(7, Direction.OUT, None)) == 1
    placement.delete_policy(policy(device="new", reqid=500))
    placement.forget("new")
    assert placement.place("new") == placement.of_device("new")
