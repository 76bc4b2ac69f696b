"""What a configuration takes for granted of this host and is not so: its addresses, interfaces, and that it forwards.

Asks the kernel, sends nothing, needs no privilege.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection, Iterator
from pathlib import Path

from ikevpn.config.configuration import Configuration, TunnelConfig
from ikevpn.model.address import Address
from ikevpn.model.sa import SaMode

_FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
SYSCTL = Path("/proc/sys")


def not_so(configuration: Configuration) -> list[str]:
    """A sentence for each thing."""
    tunnels = configuration.tunnels.values()
    return [*_addresses(configuration, tunnels), *_interfaces(tunnels), *_forwarding(tunnels)]


def _addresses(configuration: Configuration, tunnels: Collection[TunnelConfig]) -> Iterator[str]:
    for address in configuration.daemon.listen:
        if not _is_ours(address):
            yield f"this host does not have the address {address}, on which `listen` wants the daemon to be reached"
    wanted: dict[Address, list[str]] = {}
    for tunnel in tunnels:
        if tunnel.local is not None:
            wanted.setdefault(tunnel.local, []).append(tunnel.name)
    for address, names in wanted.items():
        if not _is_ours(address):
            whose = f"which is `local` of {_names(names)}"
            yield f"this host does not have the address {address}, {whose}: see `ip address`"


def _interfaces(tunnels: Collection[TunnelConfig]) -> Iterator[str]:
    present = {name for _, name in socket.if_nameindex()}
    missing: dict[str, list[str]] = {}
    for tunnel in tunnels:
        if tunnel.interface is not None and tunnel.interface not in present:
            missing.setdefault(tunnel.interface, []).append(tunnel.name)
    for interface, names in missing.items():
        yield f"this host has no interface {interface}, which is `interface` of {_names(names)}: see `ip link`"


def _forwarding(tunnels: Collection[TunnelConfig]) -> Iterator[str]:
    """Whether others than this host are to use a tunnel: then it must forward."""
    for version, name in _FORWARDING.items():
        names = [tunnel.name for tunnel in tunnels if _is_for_others(tunnel, version)]
        if names and _read(name) == "0":
            yield (
                f"forwarding of IPv{version} is off, so only this host itself can use {_names(names)}: "
                f"`sysctl -w {name}=1`, and a file in /etc/sysctl.d for the next boot"
            )


def _is_for_others(tunnel: TunnelConfig, version: int) -> bool:
    if tunnel.template.sa_mode is SaMode.TRANSPORT:
        return False
    ours = (selector.local for selector in tunnel.selectors)
    return any(each.version == version and each.first != each.last for each in ours)


def _is_ours(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _read(name: str) -> str:
    try:
        return SYSCTL.joinpath(*name.split(".")).read_text().strip()
    except OSError:
        return ""


def _names(tunnels: Collection[str]) -> str:
    shown = sorted(tunnels)
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return f"tunnel{'s' if len(shown) > 1 else ''} {', '.join(shown[:3])}{more}"
