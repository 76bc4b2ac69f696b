"""What others delete of ours comes back, as after a `systemctl restart systemd-networkd`, which deletes all rules and
routes that it has not set itself; `ip -json` is the judge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from ikevpn.model.events import reasons
from ikevpn.model.events.event import Event
from ikevpn.net.follow.changes import Changes, Kind
from ikevpn.net.host import Host
from ikevpn.net.kernel.rule import TUNNELS_TABLE
from ikevpn.net.plan.routes import plan_blocks
from ikevpn.net.plan.rules import plan_outside, plan_tunnels_table
from ikevpn.net.plan.steps import Plan
from ikevpn.service.host import restore
from tests.net.places import Place, new_place

pytestmark = pytest.mark.root
NETWORKS = [ip_network("10.2.0.0/16"), ip_network("fd02::/32")]
DELETIONS = (
    "rule del preference 55",
    "-6 rule flush",
    "route flush table 5050",
    "-6 route flush table 5050",
    "route flush proto 50",
)


@pytest.fixture
def place() -> Iterator[Place]:
    with new_place() as made:
        made.ip("link set lo up")
        yield made


def strict() -> Plan:
    return (*plan_outside([4, 6], (500,)), *plan_tunnels_table([4, 6]), *plan_blocks(NETWORKS, TUNNELS_TABLE))


def ours(place: Place) -> list[str]:
    """Rules and routes of ours, in no order."""
    lines = (f"{family} {what}" for family in ("-4", "-6") for what in ("rule", "route show table all"))
    return sorted(str(each) for line in lines for each in place.see(line) if each.get("protocol") == "50")


def test_rules_and_routes_come_back_and_it_is_said(place: Place, tmp_path: Path) -> None:
    async def story() -> None:
        host, reported = Host(tmp_path), list[Event]()
        await host.open()
        with contextlib.closing(Changes(own_port=await host.port())) as changes:
            await host.apply("paris", (*strict(), *plan_blocks(NETWORKS)))
            assert changes._drain() == frozenset(), "what we set up ourselves is no news"
            stood = ours(place)
            assert len(stood) == 16 + 4
            for deletion in DELETIONS:
                place.ip(deletion)
                assert ours(place) != stood
                assert Kind.OURS in changes._drain()
                await restore.restore_routes(host, reported.append)
                assert ours(place) == stood, deletion
            await host.close()
            assert changes._drain() == frozenset(), "nor is what we delete"
        assert ours(place) == []
        sentences = [reasons.sentence(event) for event in reported]
        assert len(sentences) == len(DELETIONS)
        assert sentences[0] == "deleted by another program and restored: rule 55: to all to_tbl 5050"
        assert "and 5 more" in sentences[1]

    asyncio.run(story())


def test_one_daemon_that_ends_takes_no_rules_from_another(place: Place, tmp_path: Path) -> None:
    """Two in one namespace share the rules, which are the same for both."""

    async def story() -> None:
        first, second = Host(tmp_path / "1"), Host(tmp_path / "2")
        await first.open()
        await first.apply("paris", strict())
        stood = ours(place)
        await second.open()
        await second.apply("rome", strict()[:-2])
        with contextlib.closing(Changes(own_port=await first.port())) as changes:
            await second.close()
            assert Kind.OURS in changes._drain()
            await restore.restore_routes(first, lambda event: None)
            assert ours(place) == stood
        await first.close()
        assert ours(place) == []

    asyncio.run(story())
