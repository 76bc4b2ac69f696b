"""What to say to a name that nobody has. Of its own, so that commands need not import the daemon to say it."""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.config.finding import did_you_mean
from ikevpn.errors import UsageError


def unknown_tunnel(name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in the configuration."""
    names = list(known)
    hint = did_you_mean(name, names) or (f"Known are: {', '.join(names[:10])}." if names else "None is configured.")
    return UsageError(f'there is no tunnel "{name}". {hint}', reason="tunnel-unknown")
