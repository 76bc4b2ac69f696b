"""`ikevpn check`: all that can be found in a configuration without touching the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ikevpn.config.configuration import Configuration
from ikevpn.config.finding import Finding, Severity
from ikevpn.config.keys.words import WhenUnprotected
from ikevpn.config.load import examine


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, in the order of the files. `tunnels` counts those that can be used; `discarding` are names of
    those that want nftables to discard what comes unprotected; `configuration` is None where there are errors.
    """

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    tunnels: int
    discarding: tuple[str, ...] = ()
    configuration: Configuration | None = None

    @property
    def good(self) -> bool:
        """Whether the configuration can be used."""
        return not self.errors


def check(path: Path) -> Verdict:
    """Examine the file or folder at `path`. Raises nothing: everything that is wrong is in the verdict."""
    configuration, findings = examine(path)
    errors = tuple(finding for finding in findings if finding.severity is Severity.ERROR)
    warnings = tuple(finding for finding in findings if finding.severity is Severity.WARNING)
    tunnels = configuration.tunnels if configuration else {}
    discarding = (name for name, each in tunnels.items() if each.when_unprotected is WhenUnprotected.DISCARD)
    return Verdict(errors, warnings, len(tunnels), tuple(discarding), configuration)
