"""The log says one sentence an event, with advice where something failed, and never more than its level asks for."""

from __future__ import annotations

import json
import re

import pytest

from ikevpn.config.keys.words import LogLevel
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.history import log
from ikevpn.service.history.events import History

UP = Event(Code.IKE_UP, "paris", facts={"remote": "192.0.2.2:500"})
FAILED = Event(Code.PHASE1_FAILED, "paris", Reason.NO_ANSWER, {"remote": "192.0.2.2:500"})
DETAIL = Event(Code.DPD_SENT, "paris", facts={"remote": "192.0.2.2:500"})
STRANGER = Event(Code.DATAGRAM_DROPPED, "paris", Reason.DUPLICATE, {"remote": "192.0.2.2:500"})
WRONG = Event(Code.DATAGRAM_DROPPED, "paris", Reason.WRONG_SECRET, {"remote": "192.0.2.2:500"})


def logged(capsys: pytest.CaptureFixture[str], level: LogLevel, *events: Event, as_json: bool = False) -> list[str]:
    log.set_up(level, as_json)
    history = History(clock=lambda: 1.0)
    history.listen(log.write)
    for event in events:
        history.add(event)
    return capsys.readouterr().err.splitlines()


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    events = (UP, FAILED, DETAIL, STRANGER, WRONG)
    counts = [len(logged(capsys, level, *events)) for level in (LogLevel.ERROR, LogLevel.INFO, LogLevel.DEBUG)]
    assert counts == [2, 3, 5]


def test_a_failure_says_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, LogLevel.INFO, FAILED)
    assert "paris: phase 1 with 192.0.2.2:500 failed: no answer" in line and "(try: " in line


def test_a_wrong_secret_is_told_at_once_although_it_is_only_a_datagram(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, LogLevel.ERROR, WRONG)
    assert "the pre-shared keys differ" in line


def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = logged(capsys, LogLevel.INFO, FAILED, as_json=True)
    body = json.loads(line)
    assert (body["level"], body["tunnel"], body["code"], body["reason"]) == (
        "error",
        "paris",
        "phase1-failed",
        "no-answer",
    )


def test_the_journal_has_times_of_its_own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    (line,) = logged(capsys, LogLevel.INFO, UP)
    assert line.startswith("<6>paris: ")
    (line,) = logged(capsys, LogLevel.INFO, FAILED)
    assert line.startswith("<3>paris: "), "what `journalctl -p err` selects by"


def test_without_a_journal_each_line_has_time_and_severity(capsys: pytest.CaptureFixture[str]) -> None:
    lines = logged(capsys, LogLevel.INFO, UP, FAILED)
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (\w+) paris: .*"
    assert [found[1] for line in lines if (found := re.fullmatch(pattern, line))] == ["info", "error"]
