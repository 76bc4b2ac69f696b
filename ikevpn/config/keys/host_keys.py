"""The keys of a tunnel that say what becomes of it on this host: when it starts, its device, its routes."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.key import key
from ikevpn.config.keys.kinds import Choice, Many, Named, Whole, YesNo
from ikevpn.config.keys.network_kinds import Device, Interface, InterfaceAddress, Prefix
from ikevpn.config.keys.words import Binding, Start, WhenDown, WhenUnprotected
from ikevpn.model.address import AddressRange


@dataclass(frozen=True, kw_only=True)
class HostKeys:
    """Part of `schema.TunnelTable`."""

    start: Start | None = key(
        Choice(Start),
        "`up`: at once, and kept up; `on-demand`: at the first packet; `listen`: only the peer initiates.",
        '"on-demand"',
        None,
        '`"up"`; `"listen"` where `remote` is a network or `any`',
    )
    binding: Binding = key(
        Choice(Binding),
        "`policy`: what the selectors name goes into the tunnel. `route`: what is routed to its device does.",
        '"route"',
        Binding.POLICY,
    )
    device: str | None = key(
        Device(),
        "The TUN device. Several tunnels may name the same one.",
        '"vpn0"',
        None,
        "`ikevpn0` for all policies; `vpn-NAME` for routes and for transport mode",
    )
    address: tuple[Interface, ...] = key(
        Many(InterfaceAddress()),
        "Addresses of the device; without any it is unnumbered.",
        '["10.9.9.1/30"]',
        (),
        "none",
    )
    routes: tuple[AddressRange, ...] | None = key(
        Many(Prefix()),
        "What is routed to the device while the tunnel is up.",
        '["10.2.0.0/16"]',
        None,
        "the remote networks, unless they are everything",
    )
    metric: int = key(
        Whole(1, 1_000_000_000),
        "The metric of these routes; of several tunnels to one network the lowest is used.",
        "50",
        100,
    )
    strict_routes: bool | None = key(
        YesNo(),
        "Whether the tunnel's routes take precedence over every other route and rule of this host. Excluded are its "
        "local "
        "networks and, with a default route, networks on a link of this host. With `false` the more specific route "
        "wins, also one of another program, and traffic may leave in the clear by it.",
        "false",
        None,
        'true for `"policy"`, false for `"route"`',
    )
    when_down: WhenDown = key(
        Choice(WhenDown),
        "What happens to traffic while the tunnel is down: dropped, refused with an ICMP error, or sent as if there "
        "were no tunnel, in the clear.",
        '"reject"',
        WhenDown.BLOCK,
    )
    when_unprotected: WhenUnprotected = key(
        Choice(WhenUnprotected),
        "What happens to packets from the peer's networks to ours that arrive in the clear, outside the tunnel: they "
        "are "
        "discarded and counted (RFC 4301 §5.2), or accepted. Discarding needs nftables.",
        '"accept"',
        WhenUnprotected.DISCARD,
    )
    mtu: int = key(
        Named("auto", 0, Whole(576, 65535, "octets")),
        "The largest packet inside the tunnel; by itself computed from the path and the cipher.",
        "1400",
        0,
        '`"auto"`',
    )
