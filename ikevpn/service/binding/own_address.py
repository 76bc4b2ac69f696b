"""Which of our addresses a tunnel uses towards its peer: the one that `local` names, or that of an `interface` now."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from ikevpn.config.configuration import TunnelConfig
from ikevpn.errors import HostError
from ikevpn.model.address import Address, AddressRange
from ikevpn.net.host import Host

NOWHERE = ip_address("0.0.0.0")  # noqa: S104 - no peer ever reaches us there


async def towards(host: Host, config: TunnelConfig, remote: Address) -> Address | None:
    """None: what the routes say. Raises HostError where the interface has no address of that family."""
    if config.interface is None:
        return config.local
    return await host.address_on(config.interface, remote.version)


async def called_at(host: Host, config: TunnelConfig, remotes: Sequence[AddressRange]) -> Address | None:
    """Where the peer must reach us when it calls; None: anywhere, and NOWHERE while the interface has no address."""
    if config.interface is None:
        return config.local
    version = remotes[0].version if remotes else 4
    try:
        return await host.address_on(config.interface, version)
    except HostError:
        return NOWHERE
