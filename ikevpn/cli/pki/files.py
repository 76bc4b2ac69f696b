"""Files that the user names on the command line."""

from __future__ import annotations

from pathlib import Path

from ikevpn.errors import ConfigError

_MOST_OCTETS = 64 << 20


def read_file(path: Path) -> bytes:
    """Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_OCTETS)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ConfigError(f"cannot read {path}: {reason}", reason="unreadable") from None
