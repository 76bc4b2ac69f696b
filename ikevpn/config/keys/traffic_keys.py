"""The keys of a tunnel that say what it protects, and how its ESP is made."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.key import Table, key
from ikevpn.config.keys.kinds import Choice, Many, Named, Whole, Word, YesNo
from ikevpn.config.keys.network_kinds import IpProtocol, Network, RemoteNetwork
from ikevpn.config.keys.words import InMode
from ikevpn.model.address import AddressRange

_ANY_PORT = Named("any", 0, Whole(1, 65535))


@dataclass(frozen=True, kw_only=True)
class SelectorTable:
    """One pair of networks (proxy id), protocol and ports; each is a quick mode of its own."""

    name: str | None = key(
        Word("a name of letters, digits and . _ - / = :", r"[\w./=:-]{1,64}"),
        "What `status` and the log call it.",
        '"web"',
        None,
        "made from the networks",
    )
    local: AddressRange = key(Network(), "The network on our side.", '"10.1.1.0/24"')
    remote: AddressRange | str = key(
        RemoteNetwork(), "The network on the peer's side, or `peer` as in `remote_networks`.", '"10.2.2.0/24"'
    )
    protocol: int = key(IpProtocol(), "The protocol, by name or number.", '"tcp"', 0, '`"any"`')
    local_port: int = key(_ANY_PORT, "The port on our side.", "443", 0, '`"any"`')
    remote_port: int = key(_ANY_PORT, "The port on the peer's side.", "443", 0, '`"any"`')


@dataclass(frozen=True, kw_only=True)
class TrafficKeys:
    """Part of `schema.TunnelTable`."""

    local_networks: tuple[AddressRange, ...] = key(
        Many(Network(), least=1),
        "The networks on our side. Every pair with one of `remote_networks` is negotiated separately.",
        '["10.1.1.0/24"]',
        (),
        'required for `"policy"`; everything for `"route"`; `local` in transport mode',
    )
    remote_networks: tuple[AddressRange | str, ...] = key(
        Many(RemoteNetwork(), least=1),
        "The networks on the peer's side; `peer` means its own address, the one in `remote`, as `dynamic` does "
        "in strongSwan. Of the networks that a peer at any address asks for, those wider than /8 (IPv6: /16) and those "
        "that contain an address of this host or of its router are not routed.",
        '["10.2.2.0/24", "10.2.3.0/24"]',
        (),
        'required for `"policy"`; everything for `"route"`; `remote` in transport mode',
    )
    selector: tuple[SelectorTable, ...] = key(
        Table(SelectorTable, "[[tunnel.NAME.selector]]", several=True),
        "The exact pairs, instead of `local_networks` and `remote_networks`.",
        "",
        (),
        "every pair of the networks",
    )
    sa_mode: InMode = key(
        Choice(InMode),
        "`tunnel`: whole packets inside new ones, between networks. `transport`: only packets between this host and "
        "the "
        "peer, under their own IP header. It needs `local` and one address as `remote`. Without selectors it protects "
        "all protocols, else those of the selectors, whose `local` and `remote` are the two hosts. In this mode strict "
        "`rp_filter` (1) drops fragments of ESP in UDP, and ARP of a peer on the same link; 0 and 2 drop neither.",
        '"transport"',
        InMode.TUNNEL,
    )
    replay_window: int = key(
        Whole(32, 4096, "packets", or_zero=True),
        "The anti-replay window, in packets (RFC 4303 §3.4.3); 0: no replay protection.",
        "1024",
        1024,
    )
    sha256_96: bool = key(
        YesNo(), "SHA-256 cut to 96 bits in ESP, as systems before 2009 and some phones send it.", "true", False
    )
