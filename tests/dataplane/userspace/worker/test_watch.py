from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ikevpn.dataplane.userspace.worker.watch import LONGEST_PAUSE_S, PATIENCE, REST_S, Reader, Watch

COST_S = 0.001
BATCH = 16


class Scene:
    """Pipes that always have something to read; reading one of them takes `COST_S`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.cost_s = COST_S
        self.rest_s = 0.0  # how long it waits for something to be ready
        self.gave_way = 0
        self.watch = Watch(self.clock, self.give_way)
        self.read: list[str] = []
        self.limits: list[int] = []
        self.descriptors: list[int] = []

    def clock(self) -> float:
        before = self.now
        self.now += self.rest_s
        return before

    def give_way(self) -> None:
        self.gave_way += 1

    def pipe(self, name: str, *, patient: bool = False, share: int = 1) -> int:
        """One whose reader finds that part of what it may read."""
        reader, writer = os.pipe()
        os.write(writer, b"something")
        self.descriptors += [reader, writer]
        self.watch.add(reader, self._reader(name, share), BATCH, patient=patient)
        return reader

    def _reader(self, name: str, share: int) -> Reader:
        def read(limit: int, now: float) -> int:
            self.read.append(name)
            self.limits.append(limit)
            self.now += self.cost_s
            return limit // share

        return read

    def turn(self) -> list[str]:
        """What is read in a turn that waits for nothing."""
        self.read.clear()
        for descriptor in self.watch.wait(self.now)[0]:
            self.watch.read(descriptor, self.now)
        return sorted(self.read)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    for descriptor in scene.descriptors:
        os.close(descriptor)


def test_the_patient_have_a_tenth_of_the_time_where_others_have_work(scene: Scene) -> None:
    scene.pipe("honest")
    scene.pipe("stranger", patient=True)
    turns = [name for _ in range(1000) for name in scene.turn()]
    assert 1 / (2 + PATIENCE) - 0.01 < turns.count("stranger") / len(turns) <= 1 / (1 + PATIENCE)


def test_the_patient_alone_do_not_pause(scene: Scene) -> None:
    scene.pipe("stranger", patient=True)
    assert [scene.turn() for _ in range(5)] == [["stranger"]] * 5


def test_nobody_but_the_patient_pauses(scene: Scene) -> None:
    scene.pipe("first")
    scene.pipe("second")
    assert [scene.turn() for _ in range(5)] == [["first", "second"]] * 5


def test_a_pause_ends_by_itself(scene: Scene) -> None:
    honest = scene.pipe("honest")
    scene.pipe("stranger", patient=True)
    while "stranger" not in scene.turn():
        pass
    scene.watch.remove(honest)
    assert scene.turn() == []
    scene.now += 2 * PATIENCE * COST_S
    assert scene.turn() == []  # in which it is taken back
    assert scene.turn() == ["stranger"]


def test_who_pauses_can_be_removed_and_added_again(scene: Scene) -> None:
    scene.pipe("honest")
    stranger = scene.pipe("stranger", patient=True)
    while "stranger" not in scene.turn():
        pass
    scene.watch.remove(stranger)
    assert stranger not in scene.watch and len(scene.watch) == 1
    scene.now += 2 * PATIENCE * COST_S
    assert [scene.turn() for _ in range(3)] == [["honest"]] * 3
    scene.watch.add(stranger, lambda limit, now: 0, BATCH)
    assert stranger in scene.watch


def test_what_was_removed_since_it_was_ready_is_not_read(scene: Scene) -> None:
    honest = scene.pipe("honest")
    ready, _ = scene.watch.wait(scene.now)
    scene.watch.remove(honest)
    for descriptor in ready:
        scene.watch.read(descriptor, scene.now)
    assert scene.read == []


def test_room_to_write_counts_only_where_it_is_wanted(scene: Scene) -> None:
    reader, writer = os.pipe()
    scene.descriptors += [reader, writer]
    scene.watch.call(writer)
    assert not scene.watch.wait(scene.now)[0]
    scene.watch.wants_room(writer, True)
    assert set(scene.watch.wait(scene.now)[0]) == {writer}
    scene.watch.wants_room(writer, False)
    assert not scene.watch.wait(scene.now)[0]


def test_after_a_rest_one_packet_is_read_and_then_batches(scene: Scene) -> None:
    scene.pipe("honest")
    scene.pipe("stranger", patient=True)
    scene.turn()
    assert scene.limits == [BATCH, BATCH]
    scene.limits.clear()
    scene.rest_s = REST_S
    scene.turn()
    scene.rest_s = 0.0
    scene.turn()
    assert scene.limits == [1, BATCH]


def test_who_has_more_waiting_gives_way(scene: Scene) -> None:
    scene.pipe("full")
    scene.pipe("half full", share=2)
    scene.pipe("stranger", patient=True)
    for _ in range(6):
        assert "full" in scene.turn()
    assert scene.gave_way == 5  # before each turn but the first


def test_two_that_have_more_waiting_give_way_once(scene: Scene) -> None:
    scene.pipe("first")
    scene.pipe("second")
    assert [(scene.turn(), scene.gave_way) for _ in range(3)] == [(["first", "second"], n) for n in range(3)]


def test_nobody_gives_way_after_a_packet_that_came_alone(scene: Scene) -> None:
    scene.pipe("quiet")
    scene.rest_s = REST_S
    for _ in range(5):
        scene.turn()
    assert set(scene.limits) == {1}
    assert scene.gave_way == 0


def test_a_full_line_is_read_in_batches_however_long_turns_take(scene: Scene) -> None:
    scene.pipe("first")
    scene.pipe("second")
    for _ in range(10):
        scene.turn()
        scene.now += 1.0
    assert set(scene.limits) == {BATCH}


def test_all_who_are_patient_pause_together(scene: Scene) -> None:
    scene.pipe("honest")
    for _ in range(4):
        scene.pipe("stranger", patient=True)
    turns = [name for _ in range(1000) for name in scene.turn()]
    assert turns.count("stranger") / len(turns) <= 1 / (1 + PATIENCE) + 0.01


def test_a_pause_is_short_even_where_the_machine_stood_still(scene: Scene) -> None:
    scene.pipe("honest")
    scene.pipe("stranger", patient=True)
    scene.cost_s = 1000.0
    while "stranger" not in scene.turn():
        pass
    scene.now += LONGEST_PAUSE_S
    scene.turn()
    assert "stranger" in scene.turn()


def test_whoever_is_added_during_a_pause_pauses_too(scene: Scene) -> None:
    scene.pipe("honest")
    scene.pipe("stranger", patient=True)
    while "stranger" not in scene.turn():
        pass
    scene.pipe("another", patient=True)
    assert scene.turn() == ["honest"]
    scene.now += 2 * PATIENCE * COST_S
    scene.turn()
    assert "another" in [name for _ in range(3) for name in scene.turn()]
