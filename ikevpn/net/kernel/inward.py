"""Pairs of networks whose packets should come through a tunnel, and what becomes of one that comes in the clear.

Values only: `unprotected` makes plans of them, `packet_rules` text for nftables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ikevpn.model.address import Network


class Fate(StrEnum):
    """What becomes of a packet of a pair that came in the clear. Of two pairs that fit the more exact one counts, of
    two that are as exact the one that is named first here.
    """

    DISCARD = "discard"
    BY_ROUTE = "route"  # discarded unless the way back to its source avoids all tunnels
    BY_DEVICE = "device"  # discarded if the way back to its source is a tunnel
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Shape:
    """What all pairs of one set have in common: how much of a packet they look at."""

    fate: Fate
    version: int
    remote_prefix: int
    local_prefix: int
    protocol: bool
    remote_port: bool
    local_port: bool

    @property
    def exactness(self) -> int:
        """How many bits a packet must have in common with a pair."""
        return self.remote_prefix + self.local_prefix + 8 * self.protocol + 16 * (self.remote_port + self.local_port)


@dataclass(frozen=True, slots=True)
class Pair:
    """Packets from `remote` to `local`, of a protocol and ports (0: any), in one set with others of its shape."""

    fate: Fate
    remote: Network
    local: Network
    protocol: int = 0
    remote_port: int = 0
    local_port: int = 0

    @property
    def shape(self) -> Shape:
        return Shape(
            self.fate,
            self.remote.version,
            self.remote.prefixlen,
            self.local.prefixlen,
            bool(self.protocol),
            bool(self.remote_port),
            bool(self.local_port),
        )

    def __str__(self) -> str:
        return f"{self.remote} to {self.local}"
