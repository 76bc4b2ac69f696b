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
        "The networks on our side. Every pair with one of `remote_networks` is negotiated by itself.",
        '["10.1.1.0/24"]',
        (),
        'required for `"policy"`; everything for `"route"`; `local` in transport mode',
    )
    remote_networks: tuple[AddressRange | str, ...] = key(
        Many(RemoteNetwork(), least=1),
        "The networks on the peer's side; `peer` stands for its own address, the one in `remote`, as `dynamic` does "
        "for strongSwan. Of what a peer from anywhere names in them nothing is routed that is wider than /8 (IPv6: "
        "/16), or in which this host or its router has an address.",
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
        "`tunnel`: whole packets travel inside new ones, between networks. `transport`: only what this host and the "
        "peer send to each other, under their own IP header. That needs `local` and one address as `remote`; without "
        "selectors protects all protocols; with them (`local` and `remote` being those hosts), what they say. "
        "Strict `rp_filter` (1) loses fragments of ESP in UDP then, and ARP of a peer on the same link; 0 and 2 lose "
        "neither.",
        '"transport"',
        InMode.TUNNEL,
    )
    replay_window: int = key(
        Whole(32, 4096, "packets", or_zero=True), "How late a packet may come; 0: no replay protection.", "1024", 1024
    )
    sha256_96: bool = key(
        YesNo(), "SHA-256 cut to 96 bits in ESP, as systems before 2009 and some phones send it.", "true", False
    )
