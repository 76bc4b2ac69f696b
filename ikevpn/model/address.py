"""Addresses: an endpoint on the outside, a range of addresses on the inside."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a UDP port on the outside."""

    address: Address
    port: int

    @classmethod
    def of(cls, address: str, port: int) -> Self:
        """`Endpoint.of("192.0.2.1", 500)`."""
        return cls(ip_address(address), port)

    def at(self, port: int) -> Endpoint:
        """The same address at another port."""
        return Endpoint(self.address, port)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class AddressRange:
    """All addresses from `first` to `last`, both included and of the same family."""

    first: Address
    last: Address

    def __post_init__(self) -> None:
        if self.first.version != self.last.version or int(self.first) > int(self.last):
            raise ValueError(f"{self.first} to {self.last} is not a range of addresses")

    @classmethod
    def of(cls, text: str) -> Self:
        """Reads `10.1.1.0/24`, `10.1.1.7`, or `10.1.1.5-10.1.1.9`; raises ValueError."""
        if "-" in text:
            first, last = text.split("-", 1)
            return cls(ip_address(first.strip()), ip_address(last.strip()))
        return cls.of_network(ip_network(text))

    @classmethod
    def of_network(cls, network: Network) -> Self:
        return cls(network.network_address, network.broadcast_address)

    @classmethod
    def of_address(cls, address: Address) -> Self:
        return cls(address, address)

    @classmethod
    def everything(cls, version: int = 4) -> Self:
        """0.0.0.0/0 or ::/0."""
        return cls.of_network(ip_network("0.0.0.0/0" if version == 4 else "::/0"))

    @property
    def version(self) -> int:
        return self.first.version

    @property
    def size(self) -> int:
        """How many addresses it has."""
        return int(self.last) - int(self.first) + 1

    def networks(self) -> list[Network]:
        """The fewest networks that cover the range exactly; what a route can say."""
        return list(summarize_address_range(self.first, self.last))

    def contains(self, other: AddressRange | Address) -> bool:
        """Whether every address of `other` lies in this range."""
        if not isinstance(other, AddressRange):
            other = AddressRange.of_address(other)
        return other.version == self.version and self.first <= other.first and other.last <= self.last  # type: ignore[operator]

    def overlaps(self, other: AddressRange) -> bool:
        """Whether there is an address in both."""
        return other.version == self.version and self.first <= other.last and other.first <= self.last  # type: ignore[operator]

    def __str__(self) -> str:
        networks = self.networks()
        if len(networks) > 1:
            return f"{self.first}-{self.last}"
        return str(self.first) if self.first == self.last else str(networks[0])
