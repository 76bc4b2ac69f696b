"""What the [daemon] table says: whether it fits together, and this host. Knows nothing of a daemon that runs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.schema import DaemonTable
from ikevpn.config.keys.walk import Walk

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
    elif os.path.lexists(table.socket) and not _is_socket(table.socket):
        fix = "Name a file that the daemon may make."
        walk.error(("daemon", "socket"), Unfit(f"{table.socket} is there already and is no socket.", fix))
    else:
        _check_folder(walk, "socket", table.socket.parent)
    for name in ("state", "sequences"):
        _check_folder(walk, name, getattr(table, name))


def _check_folder(walk: Walk, key: str, folder: Path) -> None:
    """A finding where something else stands in the way of a folder that is there, or still to be made."""
    nearest = next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)
    if os.path.lexists(nearest) and not os.path.isdir(nearest):  # noqa: PTH112 - as is_dir, and never raises
        walk.error(("daemon", key), Unfit(f"{nearest} is not a folder.", "Name a folder, there or not."))


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
