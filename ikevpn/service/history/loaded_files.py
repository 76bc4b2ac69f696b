"""The files that the daemon has read, and which of them have changed since: its configuration is what it read, not what
stands there now.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.toml import files

Stamp = tuple[int, int, int]
Stamps = Mapping[Path, Stamp]


class LoadedFiles:
    """Use: `stamps`, then read, then `remember`; `changed` asks the file system again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._secrets: tuple[Path, ...] = ()
        self._stamps: Stamps = {}

    def stamps(self) -> Stamps:
        """How the files of the configuration are now."""
        try:
            found = files.find(self.path)
        except OSError:
            found = [self.path]
        return {path: stamp for path in (*found, *self._secrets) if (stamp := _stamp(path)) is not None}

    def remember(self, stamps: Stamps, tunnels: Collection[TunnelConfig]) -> None:
        """What was read when the files were so, and the files in which the secrets of its tunnels are."""
        places = {Path(tunnel.secret_from) for tunnel in tunnels if tunnel.secret_from.startswith("/")}
        places |= {Path(file) for tunnel in tunnels for file in tunnel.key_files}
        self._secrets = tuple(sorted(places))
        later = {path: stamp for path in self._secrets if (stamp := _stamp(path)) is not None}
        self._stamps = {**later, **stamps}

    def changed(self) -> tuple[str, ...]:
        """Names of files that are other ones now, that are new, or gone."""
        now = self.stamps()
        return tuple(str(each) for each in sorted({*now, *self._stamps}) if now.get(each) != self._stamps.get(each))


def _stamp(path: Path) -> Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a name may be anything
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
