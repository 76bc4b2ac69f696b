"""What travels on the simulated network. ESP is not encrypted here: it names the algorithms and keys that sealed it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ikevpn.model.address import Address, Endpoint
from ikevpn.model.sa import Sa


class Kind(StrEnum):
    IKE = "ike"
    ESP_RAW = "esp"  # IP protocol 50, or 51 where AH is around it; ports mean nothing
    ESP_UDP = "esp-udp"
    KEEPALIVE = "keepalive"


@dataclass(frozen=True, slots=True)
class Inner:
    """One packet of a user."""

    number: int
    source: Address
    target: Address
    size: int = 100


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet on the outside. `sealed` is the outbound SA that made an ESP packet, `inner` its content, `wrapper`
    the outbound SA of AH around it.
    """

    kind: Kind
    source: Endpoint
    target: Endpoint
    data: bytes = b""
    sealed: Sa | None = None
    inner: Inner | None = None
    wrapper: Sa | None = None

    @property
    def octets(self) -> int:
        """Size of the IP packet, as far as a path MTU cares (IKE only)."""
        headers = 28 if self.target.address.version == 4 else 48
        return len(self.data) + headers + (4 if 500 not in (self.source.port, self.target.port) else 0)
