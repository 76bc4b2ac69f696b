"""No number is handed out twice, whichever step of a reservation is the last one."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ikevpn.errors import HostError
from ikevpn.model.secret import Secret
from ikevpn.service.tunnel import sequences
from ikevpn.service.tunnel.sequences import LAST, Reservation, SendingKey, Sequences
from ikevpn.wire.registry import Protocol
from tests.esp import samples

KEY = SendingKey("paris", Protocol.ESP, 0x1234ABCD, samples.algorithms(samples.CBC_SHA1))
OTHER = SendingKey("tokyo", Protocol.ESP, 0x3030, samples.algorithms(samples.CBC_SHA256))


class Crash(BaseException):
    """The process ends here."""


class Disk:
    """`os`, until so many steps are done; the step at which it ends may be half done."""

    STEPS = ("open", "write", "fsync", "close")

    def __init__(self, steps: int, half: bool) -> None:
        self.steps = steps
        self.half = half
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in self.STEPS:
            return real

        def step(*arguments: Any) -> Any:
            if self.steps == 0 and name != "close":
                if self.half and name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise Crash
            self.steps -= name != "close"
            self.done.append(name)
            return real(*arguments)

        return step


@settings(max_examples=30, stateful_step_count=20, deadline=None)
class Lives(RuleBasedStateMachine):
    """Daemons come and go, are ended at any step, and share the folder."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.handed: dict[str, list[Reservation]] = {}
        self.lives = [Sequences(self.folder), Sequences(self.folder)]

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(life=st.integers(0, 1), key=st.sampled_from((KEY, OTHER)), count=st.integers(1, 1 << 22))
    def reserve(self, life: int, key: SendingKey, count: int) -> None:
        reservation = self.lives[life].reserve(key, count)
        assert reservation.last - reservation.used == count
        self.handed.setdefault(key.fingerprint, []).append(reservation)

    @rule(key=st.sampled_from((KEY, OTHER)), steps=st.integers(0, 14), half=st.booleans())
    def crash(self, key: SendingKey, steps: int, half: bool) -> None:
        disk = Disk(steps, half)
        sequences.os = disk  # type: ignore[attr-defined]
        try:
            self.handed.setdefault(key.fingerprint, []).append(Sequences(self.folder).reserve(key, 100))
        except Crash:
            pass
        finally:
            sequences.os = os  # type: ignore[attr-defined]

    @rule(life=st.integers(0, 1))
    def restart(self, life: int) -> None:
        self.lives[life] = Sequences(self.folder)

    @invariant()
    def no_number_twice(self) -> None:
        for reservations in self.handed.values():
            for before, after in pairwise(reservations):
                assert before.used < before.last <= after.used


TestLives = Lives.TestCase


def test_everything_is_on_disk_before_a_number_is_handed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(-1, half=False)
    monkeypatch.setattr(sequences, "os", disk)
    rename = Path.replace
    monkeypatch.setattr(Path, "replace", lambda old, new: disk.done.append("replace") or rename(old, new))
    Sequences(tmp_path).reserve(KEY, 5)
    steps = [step for step in disk.done if step not in ("open", "close")]
    assert steps == ["write", "fsync", "replace", "fsync", "write", "fsync", "fsync"]


def test_keys_are_told_apart_by_key_and_spi_and_not_shown(tmp_path: Path) -> None:
    numbers = Sequences(tmp_path)
    assert numbers.reserve(KEY, 10) == Reservation(0, 10)
    assert numbers.reserve(replace(KEY, spi=0x3030), 10) == Reservation(0, 10)
    assert numbers.reserve(replace(KEY, tunnel="renamed"), 10) == Reservation(10, 20)
    text = (tmp_path / "numbers").read_text() + (tmp_path / "keys").read_text()
    assert KEY.algorithms.encryption_key.reveal().hex() not in text
    assert (tmp_path / "numbers").stat().st_mode & 0o077 == 0


def test_the_last_numbers_are_given_and_then_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Sequences(tmp_path)
    numbers.reserve(KEY, LAST - 3)
    assert numbers.reserve(KEY, 10) == Reservation(LAST - 3, LAST)
    with pytest.raises(HostError) as caught:
        numbers.reserve(KEY, 10)
    assert str(caught.value) == "all 4294967295 sequence numbers of SPI 0x1234abcd are used up"
    assert caught.value.fix == "Agree with the peer on another SPI for what we send, or on other keys."


@pytest.mark.parametrize("text", [None, b"", b"{}", b'{"format": 1, "numbers": {}, "check": "00"}', b"[1]", b"\xff"])
def test_numbers_that_are_lost_refuse_the_keys_that_had_some_and_no_others(tmp_path: Path, text: bytes | None) -> None:
    numbers, file = Sequences(tmp_path), tmp_path / "numbers"
    numbers.reserve(KEY, 10)
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text)
    for _ in range(2):
        with pytest.raises(HostError) as caught:
            numbers.reserve(KEY, 10)
        assert str(caught.value).startswith("which sequence numbers of SPI 0x1234abcd were used is unknown, because ")
        assert caught.value.reason == "sequence-state"
        assert numbers.reserve(OTHER, 10).last % 10 == 0


def test_one_changed_digit_is_noticed(tmp_path: Path) -> None:
    numbers, file = Sequences(tmp_path), tmp_path / "numbers"
    numbers.reserve(KEY, 9000)
    file.write_text(file.read_text().replace("9000", "1000"))
    with pytest.raises(HostError, match="is damaged"):
        numbers.reserve(KEY, 10)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(HostError) as caught:
        Sequences(file / "folder").reserve(KEY, 10)
    assert str(caught.value) == f"sequence numbers of manual keys cannot be kept in {file}/folder: not a directory"


def test_the_fingerprint_depends_on_all_that_makes_the_numbers_unique() -> None:
    algorithms = replace(KEY.algorithms, encryption_key=Secret(b"k" * 16))
    others = (replace(KEY, spi=5), OTHER, replace(KEY, algorithms=algorithms), replace(KEY, protocol=Protocol.AH))
    assert len({each.fingerprint for each in (KEY, *others)}) == 5
