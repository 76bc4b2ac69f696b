"""What a security association protects: a pair of address ranges, a protocol and ports (RFC 4301 §4.4.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ikevpn.model.address import Address, AddressRange

ANY = 0


@dataclass(frozen=True, slots=True)
class Selector:
    """A proxy-id pair seen from our side. Protocol 0 and port 0 mean any."""

    local: AddressRange
    remote: AddressRange
    protocol: int = ANY
    local_port: int = ANY
    remote_port: int = ANY

    def contains(self, other: Selector) -> bool:
        """Whether all traffic of `other` is also ours."""
        return (
            self.local.contains(other.local)
            and self.remote.contains(other.remote)
            and self.protocol in (ANY, other.protocol)
            and self.local_port in (ANY, other.local_port)
            and self.remote_port in (ANY, other.remote_port)
        )

    def matches(self, source: Address, target: Address, protocol: int, source_port: int, target_port: int) -> bool:
        """Whether one outgoing packet (`source` is on our side) belongs here; ports are 0 where there are none."""
        return (
            self.local.contains(source)
            and self.remote.contains(target)
            and self.protocol in (ANY, protocol)
            and self.local_port in (ANY, source_port)
            and self.remote_port in (ANY, target_port)
        )

    @property
    def width(self) -> tuple[int, bool, bool, bool]:
        """How much traffic this is, for comparing selectors that contain each other: smaller is more exact."""
        addresses = self.local.size * self.remote.size
        return addresses, self.protocol == ANY, self.local_port == ANY, self.remote_port == ANY

    def reversed(self) -> Selector:
        """The same traffic seen from the other side."""
        return Selector(self.remote, self.local, self.protocol, self.remote_port, self.local_port)

    @property
    def is_any(self) -> bool:
        """Whether this is 0.0.0.0/0 - 0.0.0.0/0 - any (or ::/0), the proxy-id of a route-based tunnel."""
        everything = AddressRange.everything(self.local.version)
        return self == Selector(everything, everything)

    def __str__(self) -> str:
        services = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
        text = f"{_side(self.local, self.local_port)} === {_side(self.remote, self.remote_port)}"
        return text if self.protocol == ANY else f"{text} {services.get(self.protocol, f'protocol {self.protocol}')}"


def _side(addresses: AddressRange, port: int) -> str:
    return f"{addresses}[{port}]" if port else str(addresses)


def host_pair(local: IPv4Address | IPv6Address, remote: IPv4Address | IPv6Address) -> Selector:
    """The selector that quick mode means when it carries no identities (RFC 2409 §5.5)."""
    return Selector(AddressRange.of_address(local), AddressRange.of_address(remote))
