"""What the [daemon] table says: whether it fits together, and this host. Knows nothing of a daemon that runs."""

from __future__ import annotations

import os
from pathlib import Path

from ikevpn.config.finding import Unfit
from ikevpn.config.schema import DaemonTable
from ikevpn.config.walk import Walk

LONGEST_SOCKET = 107
"""Octets that the kernel takes as the name of a socket (`sun_path`, without the zero at its end)."""


def check_daemon(walk: Walk, table: DaemonTable) -> None:
    """Findings about keys that clash, and about paths that cannot be what they are for."""
    if table.ike_port == table.natt_port:
        sentence = f"IKE and ESP through NAT cannot share port {table.ike_port}: nothing would tell them apart."
        key = "ike_port" if table.ike_port != DaemonTable().ike_port else "natt_port"
        walk.error(("daemon", key), Unfit(sentence, "Leave both ports out: 500 and 4500 are what peers expect."))
    octets = len(os.fsencode(table.socket))
    if octets > LONGEST_SOCKET:
        sentence = f"the name of a socket has {LONGEST_SOCKET} octets at most, and this one has {octets}."
        walk.error(("daemon", "socket"), Unfit(sentence, "Choose a folder with a shorter name."))
    elif os.path.isdir(table.socket):  # noqa: PTH112 - as is_dir, and never raises
        walk.error(("daemon", "socket"), Unfit(f"{table.socket} is a folder.", "Name a file in it."))
    for name in ("state", "sequences"):
        folder: Path = getattr(table, name)
        if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112 - as is_dir, and never raises
            walk.error(("daemon", name), Unfit(f"{folder} is not a folder.", "Name a folder, there or not."))
