"""The program works and measures what it says, with few tunnels; no test depends on how long anything takes."""

from __future__ import annotations

import pytest

from tests.growth import engine, plane
from tests.growth.__main__ import KINDS, main
from tests.growth.measure import Step, is_within, table

MANY = "small packet, 200 tunnels in turn"
MISSING = {"any": {"status of one tunnel"}, "plane-policy": {MANY}, "plane-route": {MANY}}
"""One tunnel has all peers; and there are no 200 tunnels."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_measures_all_that_its_table_names(kind: str) -> None:
    _, steps, measure = KINDS[kind]
    found = dict(measure([2, 4], 3))
    missing = MISSING.get(kind, set())
    assert list(found) == [2, 4]
    assert all(set(costs) == set(steps) - missing for costs in found.values())


@pytest.mark.parametrize("shape", engine.Shape)
def test_the_engine_has_as_many_tunnels_up_as_it_says(shape: engine.Shape) -> None:
    pair = engine.Pair(shape)
    pair.configure(3)
    for number in range(3):
        pair.call(number)
    assert pair.pairs_up == 3
    assert len(pair.box.status(pair.now).children) == 3


@pytest.mark.parametrize("shape", plane.Shape)
def test_the_packets_of_the_data_plane_leave_by_their_tunnels(shape: plane.Shape) -> None:
    worker = plane.Worker(shape)
    worker.grow(3)
    worker.forwarding.from_device(worker.device(2), [plane.packet(2)], 1.0)
    ((path, datagrams),) = worker.core.outer.sent
    assert path.remote == plane.peer(2)
    assert len(datagrams) == 1


def test_a_verdict_is_about_the_ratio_and_forgives_a_microsecond() -> None:
    assert is_within(Step("any"), 10, 15)
    assert not is_within(Step("any"), 10, 15.1)
    assert is_within(Step("any"), 0.1, 1.1)


def test_the_table_names_what_grows() -> None:
    steps = {name: Step(name) for name in ("one", "two")}
    lines, failed = table("things", steps, {10: {"one": 10, "two": 10}, 20: {"one": 30, "two": 12}})
    assert failed == ["things: one"]
    assert any(line.startswith("one") and "FAIL" in line for line in lines)
    assert any(line.startswith("two") and "PASS" in line for line in lines)


def test_a_kind_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "there is no nonsense" in capsys.readouterr().err
