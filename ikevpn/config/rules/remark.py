"""A finding about a tunnel whose place in a file is still to be looked up."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.finding import Severity


@dataclass(frozen=True, slots=True)
class Remark:
    """As `Finding`; its place is a tunnel and a key, or the tunnel's whole table for an empty key."""

    code: str
    tunnel: TunnelConfig
    key: str
    sentence: str
    fix: str = ""
    severity: Severity = Severity.WARNING
