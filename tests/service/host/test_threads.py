"""A call that hangs does not keep a loop from ending."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ikevpn.service.host.threads import UnjoinedThreads


def test_results_and_errors_come_back() -> None:
    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(UnjoinedThreads())
        with pytest.raises(ValueError, match="invalid literal"):
            await loop.run_in_executor(None, int, "x")
        return await loop.run_in_executor(None, int, "7")

    assert asyncio.run(scenario()) == 7


def test_nobody_waits_for_a_thread_that_hangs() -> None:
    hanging, entered = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        hanging.wait()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(UnjoinedThreads())
        call = loop.run_in_executor(None, hang)
        await asyncio.sleep(0)
        assert entered.wait(90)
        call.cancel()

    asyncio.run(scenario())  # would never return otherwise
    hanging.set()
