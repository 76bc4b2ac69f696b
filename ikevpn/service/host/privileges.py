"""What the daemon must be allowed at the start and what of it is kept; `confinement` gives up the rest."""

from __future__ import annotations

import logging
import os

from ikevpn.dataplane.confinement import confinement, single_thread
from ikevpn.errors import HostError

_log = logging.getLogger(__name__)
CAP_DAC_READ_SEARCH = 2
CAP_NET_BIND_SERVICE = 10
CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
KEPT = (CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW)
"""Configuration and secrets at a reload, wherever they are; port 500 on new addresses; devices and routes; raw ESP and
captures.
"""


_NAMES = {CAP_NET_ADMIN: "CAP_NET_ADMIN", CAP_NET_RAW: "CAP_NET_RAW"}
_NEEDED_FOR = {CAP_NET_ADMIN: "devices and routes", CAP_NET_RAW: "ESP"}


def prepare() -> None:
    """To be called before the rest of the daemon is imported: `give_up` counts for the thread that calls it."""
    single_thread.keep()


def give_up() -> None:
    """Keep KEPT, before any thread is started and before the first datagram is read. Raises HostError."""
    confinement.drop(KEPT)
    if others := single_thread.others():
        _log.warning("%d threads of a library, started before, keep all capabilities of this process", others)


def require() -> None:
    """Raises HostError unless we may change the network; it names what is missing."""
    effective = confinement.effective()
    missing = [capability for capability in _NAMES if not effective >> capability & 1]
    if not missing:
        return
    names = " and ".join(_NAMES[each] for each in missing)
    purpose = " and ".join(_NEEDED_FOR[each] for each in missing)
    if os.geteuid() != 0 and len(missing) == len(_NAMES):
        raise HostError(
            "not root: devices, routes and ESP need it",
            fix="run it with sudo, or give the process CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE",
            reason="not-root",
        )
    given = " ".join(f"--cap-add {_NAMES[each].removeprefix('CAP_')}" for each in missing)
    raise HostError(
        f"this process lacks {names}, needed for {purpose}",
        fix=f"in a container: `{given}`; in a systemd unit: add {names} to CapabilityBoundingSet",
        reason="no-capability",
    )
