"""A datagram on its way to the exchange that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.model.address import Endpoint
from ikevpn.wire.header import Header
from ikevpn.wire.message import Chain


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram with its header read and the addresses between which it came."""

    header: Header
    data: bytes
    local: Endpoint
    remote: Endpoint
    natt: bool
    chain: Chain | None = None  # its payloads, where it came in clear and they have been read
