"""What the daemon must be allowed at the start and what of it is kept; `dataplane.confinement` gives up the rest."""

from __future__ import annotations

from ikevpn.dataplane import confinement
from ikevpn.errors import HostError

CAP_DAC_READ_SEARCH = 2
CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
KEPT = (CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW)
"""Configuration and secrets at a reload, wherever they are; port 500 on new addresses; devices and routes; raw ESP and
captures.
"""


def require() -> None:
    """Raises HostError unless we may change the network."""
    effective = confinement.effective()
    if not all(effective >> capability & 1 for capability in (CAP_NET_ADMIN, CAP_NET_RAW)):
        raise HostError(
            "not root: devices, routes and ESP need it",
            fix="run it with sudo, or give the process CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE",
            reason="not-root",
        )
