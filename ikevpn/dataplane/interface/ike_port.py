"""The port on which IKE's datagrams travel beside ESP (UDP 4500, RFC 3948), whichever data plane reads it.

Port 500 is the control process's own; of it the data plane only borrows the socket, for ESP as the drafts 00 and 01 of
NAT traversal have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ikevpn.model.address import Endpoint


@dataclass(frozen=True, slots=True)
class IkeDatagram:
    """A datagram behind the non-ESP marker, marker removed."""

    data: bytes
    local: Endpoint
    remote: Endpoint


class IkePort(Protocol):
    """Datagrams of IKE out; those that came are events (`IkeDatagram`)."""

    async def listen_natt(self, address: Endpoint) -> None:
        """Bind the socket of RFC 3948 (wildcard address allowed). Raises HostError where the port is taken."""

    def lend_ike_socket(self, local: Endpoint, descriptor: int) -> None:
        """Let ESP behind the non-IKE marker leave from the IKE port (drafts 00 and 01). Duplicates the descriptor."""

    async def return_ike_socket(self, local: Endpoint) -> None:
        """Close what was lent for `local`; only then can the port be bound again."""

    def send_ike(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """Send an ISAKMP datagram through the NAT-T socket; the data plane puts the non-ESP marker in front."""

    def keepalive(self, local: Endpoint, remote: Endpoint, interval_s: float) -> None:
        """Send one octet 0xff whenever nothing else went to `remote` for `interval_s`; 0 stops (RFC 3948 §4)."""

    def esp_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """ESP that arrived on the IKE port behind a non-IKE marker (drafts 00 and 01), marker removed."""
