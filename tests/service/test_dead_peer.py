"""What follows when a peer is found dead: what `dpd_action` says, and without it what `start` says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ikevpn.ike.state.effects import ChildDown, ChildUp, PeerLost
from ikevpn.model.events.event import Code
from ikevpn.service.tunnel.wishes import Wanted, Wisher
from tests.service.binding.test_binding import ROUTE
from tests.service.tunnel.test_tunnels import Daemon
from tests.service.virtual import run

CHILD = "10.1.0.0/16-10.2.0.0/16"


class Watched(Daemon):
    """Hears of the tunnel what an engine would tell, and counts the calls that go out."""

    @property
    def calls(self) -> int:
        return sum(event.code is Code.PHASE1_STARTED for event in self.reports)

    def up(self) -> None:
        self.tunnels.changed(ChildUp("paris", CHILD, 1))

    def dies(self) -> None:
        self.tunnels.changed(ChildDown("paris", CHILD, 1))
        self.tunnels.changed(PeerLost("paris"))


@pytest.mark.parametrize(
    ("start", "action", "wanted", "calls"),
    [
        ("up", None, Wanted.UP, True),
        ("up", "clear", Wanted.LISTEN, False),
        ("up", "hold", Wanted.ON_DEMAND, False),
        ("listen", None, Wanted.LISTEN, False),
        ("listen", "restart", Wanted.UP, True),
        ("listen", "hold", Wanted.ON_DEMAND, False),
        ("on-demand", None, Wanted.ON_DEMAND, False),
        ("on-demand", "restart", Wanted.UP, True),
        ("on-demand", "clear", Wanted.LISTEN, False),
    ],
)
def test_what_is_wanted_then(tmp_path: Path, start: str, action: str | None, wanted: Wanted, calls: bool) -> None:
    async def scenario() -> Watched:
        keys = {"dpd_action": f'"{action}"'} if action else {}
        daemon = Watched(tmp_path, start=f'"{start}"', **keys)
        await daemon.apply()
        daemon.up()
        await asyncio.sleep(400)
        daemon.reports.clear()
        daemon.dies()
        await asyncio.sleep(1)
        return daemon

    daemon = run(scenario())
    assert daemon.tunnels.get("paris").keeper.wanted is wanted
    assert (daemon.calls > 0) is calls
    held = wanted is Wanted.ON_DEMAND or (start == "on-demand" and wanted is Wanted.UP)
    assert (ROUTE in daemon.host.routes) is held  # else its traffic is blocked


def test_once_the_peer_is_back_it_is_wanted_as_before(tmp_path: Path) -> None:
    async def scenario() -> list[Wanted]:
        daemon = Watched(tmp_path, start='"listen"', dpd_action='"restart"')
        await daemon.apply()
        keeper, found = daemon.tunnels.get("paris").keeper, []
        for act in (daemon.up, daemon.dies, daemon.up, daemon.dies):
            act()
            await asyncio.sleep(1)
            found.append(keeper.wanted)
        return found

    assert run(scenario()) == [Wanted.LISTEN, Wanted.UP, Wanted.LISTEN, Wanted.UP]


def test_what_a_user_wants_meanwhile_counts(tmp_path: Path) -> None:
    async def scenario() -> list[Wanted]:
        daemon = Watched(tmp_path, start='"listen"', dpd_action='"restart"')
        await daemon.apply()
        tunnel, found = daemon.tunnels.get("paris"), []
        daemon.up()
        daemon.dies()
        await tunnel.want(Wanted.UP)
        daemon.up()
        found.append(tunnel.keeper.wanted)
        await tunnel.down()
        daemon.dies()
        found.append(tunnel.keeper.wanted)
        return found

    assert run(scenario()) == [Wanted.UP, Wanted.DOWN]


def test_what_the_user_wants_is_not_forgotten_over_it(tmp_path: Path) -> None:
    async def scenario() -> Watched:
        daemon = Watched(tmp_path, start='"up"', dpd_action='"hold"')
        await daemon.apply()
        daemon.up()
        daemon.dies()
        return daemon

    keeper = run(scenario()).tunnels.get("paris").keeper
    assert (keeper.wanted, keeper.wish_of(Wisher.USER)) == (Wanted.ON_DEMAND, Wanted.UP)
