"""What `up` and `down` leave on the host, with the host and the data plane of `test_binding` and a real engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ikevpn.service import api
from ikevpn.service.captures import Captures
from ikevpn.service.events import History
from ikevpn.service.keeper import Wanted
from ikevpn.service.requests import Requests
from tests.service.test_binding import BLOCK
from tests.service.test_tunnels import Daemon
from tests.service.virtual import run


async def say(daemon: Daemon, request: api.AnyRequest) -> api.Reply:
    """The last reply to a request."""
    parts = SimpleNamespace(
        tunnels=daemon.tunnels,
        history=History(),
        driver=daemon.driver,
        plane=daemon.plane,
        captures=Captures((500, 4500), lambda cookie: ""),
    )
    requests = Requests(parts, reload=lambda: None, settled=lambda: None)  # type: ignore[arg-type, return-value]
    return [reply async for reply in requests.handle(request)][-1]


@pytest.mark.parametrize("down_before", [False, True])
def test_an_up_that_fails_leaves_the_host_as_it_was(tmp_path: Path, down_before: bool) -> None:
    async def scenario() -> list[str]:
        daemon = Daemon(tmp_path)
        await daemon.apply(start=down_before)
        if down_before:
            assert isinstance(await say(daemon, api.Down(tunnel="paris")), api.Done)
            assert daemon.host.routes == [BLOCK]
        assert isinstance(await say(daemon, api.Up(tunnel="paris", timeout_s=5)), api.Error)
        assert daemon.tunnels.get("paris").keeper.wanted is Wanted.DOWN
        return daemon.host.routes

    assert run(scenario()) == ([BLOCK] if down_before else [])
