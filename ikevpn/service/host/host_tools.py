"""What this host lacks for what a configuration wants, in sentences. Looks at files only."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ikevpn.net.kernel import nftables

TUN = Path("/dev/net/tun")


def lacking(discarding: Collection[str]) -> list[str]:
    """A sentence for each thing; `discarding` are the tunnels that do so with what comes unprotected."""
    found = []
    if not TUN.exists():
        found.append(f"{TUN} is missing on this host: `modprobe tun`, or pass it into the container")
    if discarding and not nftables.is_installed():
        found.append(
            f"{nftables.LIBRARY} is missing on this host, and {_names(discarding)} cannot start without it: packets "
            f"that come unprotected could not be discarded. {nftables.FIX}"
        )
    return found


def _names(tunnels: Collection[str]) -> str:
    first, *rest = tunnels
    return f"{first} and {len(rest)} more tunnel{'s' if len(rest) > 1 else ''}" if rest else first
