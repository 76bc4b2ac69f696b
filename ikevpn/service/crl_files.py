"""CRLs out of files, each read again when it has changed: whoever fetches a new one need not tell the daemon."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from ikevpn.config.toml import files
from ikevpn.errors import ConfigError
from ikevpn.pki import containers
from ikevpn.pki.revocation.crl import Crl

_LONGEST = 64 << 20
_Stamp = tuple[int, int, int]
_log = logging.getLogger(__name__)


class CrlFiles:
    """By the names of the files. Several threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, tuple[_Stamp | None, Crl | None]] = {}

    def lists(self, names: Iterable[str]) -> list[Crl]:
        """What is in them now. One that cannot be read is missing, and the log says so once for each change."""
        with self._lock:
            return [crl for name in names if (crl := self._list(name)) is not None]

    def _list(self, name: str) -> Crl | None:
        stamp = _stamp(name)
        if name not in self._read or self._read[name][0] != stamp:
            self._read[name] = (stamp, _read(name))
        return self._read[name][1]


def _stamp(name: str) -> _Stamp | None:
    try:
        status = Path(name).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(name: str) -> Crl | None:
    try:
        return containers.crl(files.read(Path(name), _LONGEST).octets)
    except OSError as error:
        why = (error.strerror or "unknown reason").lower()
    except ConfigError as error:
        why = str(error)
    _log.warning("the CRL %s cannot be used: %s", name, why)
    return None
