"""Work that was begun comes to its end, and what it raises is heard by somebody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ikevpn.errors import HostError
from ikevpn.service.tasks import Tasks
from tests.service.virtual import run

Scenario = Callable[[Tasks, list[str]], Coroutine[Any, Any, Any]]


def told(scenario: Scenario) -> list[str]:
    """What a scenario writes down."""
    notes: list[str] = []
    run(scenario(Tasks(), notes))
    return notes


async def work(notes: list[str], error: Exception | None = None) -> str:
    notes.append("begun")
    await asyncio.sleep(5)
    if error:
        raise error
    notes.append("done")
    return "a result"


def test_the_caller_gets_the_result_and_the_error() -> None:
    async def scenario(tasks: Tasks, notes: list[str]) -> None:
        assert await tasks.run(work(notes)) == "a result"
        with pytest.raises(HostError, match="refused"):
            await tasks.run(work(notes, HostError("refused")))

    assert told(scenario) == ["begun", "done", "begun"]


def test_it_goes_on_without_its_caller() -> None:
    async def scenario(tasks: Tasks, notes: list[str]) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await tasks.run(work(notes))
        notes.append("caller is gone")
        await tasks.settled()

    assert told(scenario) == ["begun", "caller is gone", "done"]


@pytest.mark.parametrize("error", [HostError("the host said no"), ZeroDivisionError("the host said no")])
def test_what_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    async def scenario(tasks: Tasks, notes: list[str]) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await tasks.run(work(notes, error))
        await tasks.settled()
        await asyncio.sleep(0)

    told(scenario)
    assert "the host said no" in caplog.text and "never retrieved" not in caplog.text


def test_the_end_of_the_daemon_ends_it() -> None:
    async def scenario(tasks: Tasks, notes: list[str]) -> None:
        caller = asyncio.create_task(tasks.run(work(notes)))
        tasks.start(work(notes))  # type: ignore[arg-type]
        await asyncio.sleep(1)
        await tasks.close()
        await asyncio.wait([caller])
        assert caller.cancelled()

    assert told(scenario) == ["begun", "begun"]
