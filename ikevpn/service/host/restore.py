"""What we have set up on the host outlives those who delete what others have set up: our table of nftables a `systemctl
restart nftables`, our rules and routes a `systemctl restart systemd-networkd`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ikevpn.errors import HostError
from ikevpn.model.events.event import Code, Event, Fact
from ikevpn.net.follow.changes import Changes, Kind
from ikevpn.net.host import Host

_SHOWN = 3
_log = logging.getLogger(__name__)

Report = Callable[[Event], None]


async def follow_tables(host: Host, report: Report) -> None:
    """Write our table anew whenever it is gone; for ever. A kernel without nftables has nothing to tell."""
    try:
        changes = Changes(tables=True)
    except HostError as error:
        _log.debug("%s", error)
        return
    try:
        async for _ in changes:
            await restore_table(host, report)
    finally:
        changes.close()


async def follow_routes(host: Host, report: Report) -> None:
    """Put back rules and routes whenever others have deleted some; for ever."""
    changes = Changes(own_port=await host.port())
    try:
        async for kinds in changes:
            if Kind.OURS in kinds:
                await restore_routes(host, report)
    finally:
        changes.close()


async def restore_table(host: Host, report: Report) -> None:
    """The table where it is gone."""
    try:
        if await host.restore_packets():
            report(_restored(["the nftables table"]))
    except HostError as error:
        _log.error("%s", error)


async def restore_routes(host: Host, report: Report) -> None:
    """All rules and routes that are gone."""
    try:
        found = await host.restore_routes()
    except HostError as error:
        _log.error("%s", error)
        return
    if found:
        report(_restored(found))


def _restored(what: Sequence[str]) -> Event:
    facts: dict[str, Fact] = {"what": ", ".join(what[:_SHOWN])}
    if len(what) > _SHOWN:
        facts["more"] = len(what) - _SHOWN
    return Event(Code.HOST_RESTORED, facts=facts)
