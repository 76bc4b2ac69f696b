"""Plans of several owners on a host that is a set: who has what, and what happens when a step is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikevpn.errors import HostError
from ikevpn.net.kernel.rtnetlink import Kernel, Route
from ikevpn.net.plan.journal import Journal
from ikevpn.net.plan.ledger import Ledger
from ikevpn.net.plan.steps import AddRoute, Record


@dataclass
class Table:
    """A host that only knows numbers. `refused` are those that it does not take."""

    there: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    history: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Put:
    """A number is in the table."""

    number: int

    @property
    def place(self) -> int:
        return self.number

    def apply(self, kernel: Kernel) -> bool:
        table = cast(Table, kernel)
        if self.number in table.refused:
            raise HostError(f"{self.number} is refused")
        if self.number in table.there:
            return False
        table.there.add(self.number)
        table.history.append(self.number)
        return True

    def renew(self, kernel: Kernel) -> bool:
        return self.apply(kernel)

    def undo(self, kernel: Kernel) -> None:
        cast(Table, kernel).there.discard(self.number)
        cast(Table, kernel).history.append(-self.number)

    def record(self) -> Record:
        return {"step": "link", "device": str(self.number)}


@contextlib.contextmanager
def make(tmp_path: Path, table: Table, found: tuple[Put, ...] = ()) -> Iterator[Ledger]:
    """A ledger; an earlier run has left `found` behind."""
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    journal = Journal(path)
    journal.found = found
    yield Ledger(cast(Kernel, table), journal)
    journal.close()


def plan(*numbers: int) -> tuple[Put, ...]:
    return tuple(Put(number) for number in numbers)


def test_a_plan_is_undone_from_last_to_first(tmp_path: Path) -> None:
    table = Table()
    with make(tmp_path, table) as ledger:
        ledger.apply("a", plan(1, 2, 3))
        ledger.undo("a")
        assert table.history == [1, 2, 3, -3, -2, -1]
        assert ledger.plan_of("a") == ()


def test_new_steps_come_before_old_ones_go(tmp_path: Path) -> None:
    table = Table()
    with make(tmp_path, table) as ledger:
        ledger.apply("a", plan(1, 2))
        ledger.apply("a", plan(1, 3))
        assert table.history == [1, 2, 3, -2]


def test_a_refused_step_leaves_everything_as_it_was(tmp_path: Path) -> None:
    table = Table(refused={9})
    with make(tmp_path, table) as ledger:
        ledger.apply("a", plan(1, 2))
        with pytest.raises(HostError, match="9 is refused"):
            ledger.apply("a", plan(1, 3, 9, 4))
        assert table.there == {1, 2}
        assert ledger.plan_of("a") == plan(1, 2)


def test_a_start_that_fails_leaves_what_an_earlier_run_has_left(tmp_path: Path) -> None:
    table = Table(there={1, 2})
    with make(tmp_path, table, plan(1, 2)) as ledger:
        ledger.apply("a", plan(2, 3))
        ledger.undo_all()
        assert table.there == {1, 2}


def test_a_start_that_succeeds_tidies_up_after_an_earlier_run(tmp_path: Path) -> None:
    table = Table(there={1, 2})
    with make(tmp_path, table, plan(1, 2)) as ledger:
        ledger.apply("a", plan(2, 3))
        ledger.settle()
        assert table.there == {2, 3}
        ledger.undo_all()
        assert table.there == set()


owners = st.sampled_from(["a", "b", "c"])
plans = st.lists(st.integers(0, 6), max_size=5)


@given(
    st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6), max_size=2), st.lists(st.tuples(owners, plans), max_size=12)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_the_host_always_has_what_somebody_wants_and_what_was_there(
    tmp_path: Path, before: set[int], refused: set[int], changes: list[tuple[str, list[int]]]
) -> None:
    table = Table(set(before), refused)
    with make(tmp_path, table) as ledger:
        wanted: dict[str, list[int]] = {}
        for owner, numbers in changes:
            try:
                ledger.apply(owner, plan(*numbers))
                wanted[owner] = numbers
            except HostError:
                assert refused & set(numbers)
            assert table.there == before | {number for each in wanted.values() for number in each}
        ledger.undo_all()
        assert table.there == before


class Routes:
    """A host that has one route for a network and metric; another one replaces it."""

    def __init__(self) -> None:
        self.there: dict[object, Route] = {}
        self.asked = 0

    def add_route(self, route: Route) -> bool:
        self.there[route.place] = route
        return True

    def renew_route(self, route: Route) -> bool:
        self.asked += 1
        vanished = route.place not in self.there
        self.there.setdefault(route.place, route)
        return vanished

    def delete_route(self, route: Route) -> None:
        del self.there[route.place]


def test_one_more_peer_of_a_tunnel_costs_no_question_for_each_that_is_there(tmp_path: Path) -> None:
    plan = tuple(AddRoute(Route(network, "vpn0")) for network in ip_network("10.8.0.0/24").subnets(new_prefix=32))
    routes = Routes()
    ledger = Ledger(cast(Kernel, routes), Journal(tmp_path / "journal"))
    ledger.apply("dialup", plan[:-1])
    ledger.apply("dialup", plan)
    assert routes.asked == 1 and len(routes.there) == len(plan)
    routes.there.clear()  # the device was made anew
    ledger.apply("dialup", plan)
    assert len(routes.there) == len(plan)


def test_two_owners_share_a_route_that_differs_in_its_source_only(tmp_path: Path) -> None:
    route = Route(ip_network("10.2.2.0/24"), "vpn0", source=ip_address("10.1.1.1"), metric=100)
    other = replace(route, source=ip_address("10.1.2.1"))
    routes = Routes()
    journal = Journal(tmp_path / "journal")
    ledger = Ledger(cast(Kernel, routes), journal)
    ledger.apply("a", (AddRoute(route),))
    ledger.apply("b", (AddRoute(other),))
    ledger.apply("b", (AddRoute(other),))
    assert list(routes.there.values()) == [route]
    with pytest.raises(HostError, match="a has another route in the place of"):
        ledger.apply("c", (AddRoute(replace(route, device="vpn1")),))
    ledger.undo("a")
    assert list(routes.there.values()) == [other]
    journal.close()
    assert Journal(tmp_path / "journal").found == (AddRoute(other),), "what a crash would leave behind"


def test_the_second_owner_may_leave_first_and_one_owner_may_change_its_mind(tmp_path: Path) -> None:
    route = Route(ip_network("10.2.2.0/24"), "vpn0", source=ip_address("10.1.1.1"), metric=100)
    other = replace(route, source=ip_address("10.1.2.1"))
    routes = Routes()
    journal = Journal(tmp_path / "journal")
    ledger = Ledger(cast(Kernel, routes), journal)
    ledger.apply("a", (AddRoute(route),))
    ledger.apply("b", (AddRoute(other),))
    ledger.undo("b")
    assert list(routes.there.values()) == [route]
    ledger.apply("a", (AddRoute(other),))
    assert list(routes.there.values()) == [other]
    ledger.undo("a")
    assert not routes.there
    journal.close()
