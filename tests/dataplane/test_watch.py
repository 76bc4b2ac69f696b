from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from ikevpn.dataplane.watch import PATIENCE, Watch

COST_S = 0.5


class Scene:
    """Pipes that always have something to read; reading one of them takes `COST_S`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.watch = Watch(lambda: self.now)
        self.read: list[str] = []
        self.names: dict[int, str] = {}
        self.descriptors: list[int] = []

    def pipe(self, name: str, *, patient: bool = False) -> int:
        reader, writer = os.pipe()
        os.write(writer, b"something")
        self.descriptors += [reader, writer]
        self.watch.add(reader, self._reader(name), patient=patient)
        return reader

    def _reader(self, name: str) -> Callable[[float], None]:
        def read(now: float) -> None:
            self.read.append(name)
            self.now += COST_S

        return read

    def turn(self) -> list[str]:
        """What is read in a turn that waits for nothing."""
        self.read.clear()
        for descriptor in self.watch.wait(self.now):
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
    scene.now += PATIENCE * COST_S
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
    scene.watch.add(stranger, lambda now: None)
    assert stranger in scene.watch


def test_what_was_removed_since_it_was_ready_is_not_read(scene: Scene) -> None:
    honest = scene.pipe("honest")
    ready = scene.watch.wait(scene.now)
    scene.watch.remove(honest)
    for descriptor in ready:
        scene.watch.read(descriptor, scene.now)
    assert scene.read == []


def test_room_to_write_counts_only_where_it_is_wanted(scene: Scene) -> None:
    reader, writer = os.pipe()
    scene.descriptors += [reader, writer]
    scene.watch.add(writer, lambda now: None)
    assert scene.watch.wait(scene.now) == []
    scene.watch.wants_room(writer, True)
    assert scene.watch.wait(scene.now) == [writer]
    scene.watch.wants_room(writer, False)
    assert scene.watch.wait(scene.now) == []
