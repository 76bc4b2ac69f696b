"""Our table of nftables outlives those who flush everybody's, as `systemctl restart nftables` does."""

from __future__ import annotations

import logging

from ikevpn.errors import HostError
from ikevpn.net.changes import Changes
from ikevpn.net.host import Host

_log = logging.getLogger(__name__)


async def follow(host: Host) -> None:
    """Write it anew whenever it is gone; for ever. A kernel without nftables has nothing to tell."""
    try:
        changes = Changes(tables=True)
    except HostError as error:
        _log.debug("%s", error)
        return
    try:
        async for _ in changes:
            await _restore(host)
    finally:
        changes.close()


async def _restore(host: Host) -> None:
    try:
        if await host.restore_packets():
            _log.warning("our table of nftables was flushed by somebody else and is written anew")
    except HostError as error:
        _log.error("%s", error)
