"""The SA plane: its verbs, queries and events in the kernel's own words (XFRM), whichever data plane stands behind it.

A policy has the direction of what leaves (`Policy.selector`, local to remote) and an SA its outer endpoints.
All commands are idempotent. Events arrive in the order in which things happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ikevpn.model.address import Address, Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Policy, Sa, SaUse, Total
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import Protocol as IpsecProtocol


@dataclass(frozen=True, slots=True)
class Acquire:
    """A packet wants out and its policy has no SA (XFRM_MSG_ACQUIRE). The packet is held."""

    tunnel: str
    reqid: int
    selector: Selector


@dataclass(frozen=True, slots=True)
class Expire:
    """An SA reached a limit (XFRM_MSG_EXPIRE). At `HARD` the data plane has already stopped using it."""

    spi: int
    direction: Direction
    reqid: int
    tunnel: str
    kind: ExpireKind


@dataclass(frozen=True, slots=True)
class Mapping:
    """An authenticated packet came from another outside address or port (XFRM_MSG_MAPPING).

    Outbound SAs of the reqid already follow.
    """

    spi: int
    reqid: int
    tunnel: str
    old: Endpoint
    new: Endpoint


@dataclass(frozen=True, slots=True)
class UnknownSpi:
    """ESP arrived for an SPI that nobody installed; rate-limited."""

    spi: int
    local: Endpoint
    remote: Endpoint


SaEvent = Acquire | Expire | Mapping | UnknownSpi


class SaPlane(Protocol):
    """Devices, SAs, policies, and what they have carried."""

    async def add_device(self, name: str, mtu: int, peers: Iterable[Address] = ()) -> str:
        """Create a TUN device, still down; returns the name that the kernel gave. `peers` as far as they are known.

        Raises HostError (reasons `not-root`, `no-tun`, `name-taken`).
        """

    async def delete_device(self, name: str) -> None: ...

    async def listen_raw(self, version: int, protocol: IpsecProtocol = IpsecProtocol.ESP) -> None:
        """Open raw sockets for ESP or AH (protocols 50, 51) over IPv4 or IPv6. Raises HostError."""

    def add_sa(self, sa: Sa) -> None:
        """Install one direction. What the data plane cannot do expires at once (`Expire`, hard).

        One whose SPI and keys are there already stays as it is: its sequence numbers must not start again. An outbound
        one whose `sequence` and hard limit in packets allow more than before may send more, even if it had expired.
        """

    def delete_sa(self, spi: int, direction: Direction, reqid: int | None = None) -> None:
        """Remove one direction. `reqid` tells apart outbound SAs whose SPI two peers happened to choose alike."""

    def move_sas(self, spis: Sequence[int], local: Endpoint, remote: Endpoint) -> None: ...

    def add_policy(self, policy: Policy) -> None: ...

    def delete_policy(self, policy: Policy) -> None: ...

    async def query(self, spis: Sequence[int] = (), tunnels: Sequence[str] = ()) -> Sequence[SaUse]:
        """Counters of these inbound SAs and of all SAs of these tunnels, as far as they are there; of every SA where
        neither is named.
        """

    async def totals(self) -> Sequence[Total]:
        """What each tunnel has carried since the data plane started, SAs that are gone included."""


ENCAPSULATED = (Encapsulation.UDP, Encapsulation.UDP_NON_IKE)
