"""Every key of the configuration, described once: type, default, what it takes, a sentence and an example.

Loading, error texts, the reference page and the samples are all made from these classes. A field's metadata is its
`Key`; a field without a default in the class must be written by the user.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ikevpn.config.kinds import Absolute, Choice, Decimal, Kind, Many, Named, Only, Switch, Whole, Word, YesNo
from ikevpn.config.network_kinds import (
    Interface,
    InterfaceAddress,
    IpProtocol,
    Network,
    OneAddress,
    PeerIdentity,
    Place,
    Prefix,
    Remote,
    join_remotes,
)
from ikevpn.config.proposals import EspProposals, IkeProposals, join_proposals
from ikevpn.config.secrets import Encoding
from ikevpn.config.words import AuthMethod, Binding, InMode, LogLevel, Start, WhenDown
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.tunnel import NattDraft, NatTraversal, Phase1Mode, ProposalOrder

REQUIRED = dataclasses.MISSING
_YEAR_S = 31_536_000


@dataclass(frozen=True)
class Table:
    """A kind that is a table of its own, or with `several` a list of tables; `hint` is how to write it."""

    columns: type[Any]
    hint: str
    several: bool = False

    @property
    def expects(self) -> str:
        return f"a table: {self.hint}"

    def read(self, value: object) -> object:
        """Tables are read by `walk`, which knows where they stand."""
        raise TypeError("a table is read by ikevpn.config.walk")


@dataclass(frozen=True)
class Key:
    """What there is to know of one key. `shown_default` is the default in words where TOML cannot say it."""

    kind: Kind
    sentence: str
    example: str
    shown_default: str = ""


def key(kind: Kind, sentence: str, example: str, default: object = REQUIRED, shown: str = "") -> Any:
    """A field of a table. `example` is TOML, `default` the value (not TOML), `shown` how the reference words it."""
    metadata = {"key": Key(kind, sentence, example, shown)}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def key_of(field: dataclasses.Field[Any]) -> Key:
    """The description of a field made by `key`."""
    description: Key = field.metadata["key"]
    return description


_PORT = Whole(1, 65535)
_ANY_PORT = Named("any", 0, _PORT)
_TIMEOUT = Decimal(0, 86400, "seconds")


@dataclass(frozen=True, kw_only=True)
class SecretTable:
    """Where a secret is. Exactly one of `file`, `env` and `text` is written."""

    file: str | None = key(
        Word("a file name", r"[^\0]+"),
        "A file with the secret, as seen from the folder of the configuration file. It must be private: `chmod 600`.",
        '"paris.psk"',
        None,
    )
    env: str | None = key(
        Word("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*"),
        "An environment variable with the secret, for containers that have no better way.",
        '"PARIS_PSK"',
        None,
    )
    text: str | None = key(
        Word("a text that is not empty", r"(?s).+"),
        "The secret itself; refused unless the configuration file is private (`chmod 600`).",
        '"…"',
        None,
    )
    encoding: Encoding = key(
        Choice(Encoding),
        "How the secret is written: as it is, as hex digits, or as base64.",
        '"hex"',
        Encoding.TEXT,
    )


_SECRET = Table(SecretTable, '{ file = "paris.psk" }')


@dataclass(frozen=True, kw_only=True)
class PskTable:
    """A pre-shared key for peers that are known by address or identity, used by tunnels that name no secret.

    The entry that says most about a peer wins: identity before address, smaller networks before larger ones, `any`
    last. A peer that calls in main mode tells its identity only after the secret was used: there several are tried.
    """

    remote: tuple[AddressRange, ...] = key(
        Many(Place(), join_remotes),
        "The addresses of the peers.",
        '"198.51.100.0/24"',
        (),
        '`"any"`',
    )
    id: Identity | None = key(
        PeerIdentity(),
        "What the peer calls itself.",
        '"user@example.net"',
        None,
        "anything",
    )
    secret: SecretTable = key(_SECRET, "The secret.", '{ file = "branches.psk" }')


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
    remote: AddressRange = key(Network(), "The network on the peer's side.", '"10.2.2.0/24"')
    protocol: int = key(IpProtocol(), "The protocol, by name or number.", '"tcp"', 0, '`"any"`')
    local_port: int = key(_ANY_PORT, "The port on our side.", "443", 0, '`"any"`')
    remote_port: int = key(_ANY_PORT, "The port on the peer's side.", "443", 0, '`"any"`')


@dataclass(frozen=True, kw_only=True)
class DaemonTable:
    """The daemon itself: one `[daemon]` table in all files together."""

    listen: tuple[Address, ...] = key(
        Many(OneAddress(), least=1),
        "The addresses on which peers may reach us.",
        '["192.0.2.1"]',
        (ip_address("0.0.0.0"), ip_address("::")),  # noqa: S104
        '`["0.0.0.0", "::"]`',
    )
    ike_port: int = key(_PORT, "The UDP port of IKE. Peers behind no NAT expect 500.", "500", 500)
    natt_port: int = key(_PORT, "The UDP port of IKE and ESP through NAT (RFC 3947).", "4500", 4500)
    socket: Path = key(
        Absolute(),
        "The socket by which `ikevpn status` and the others reach the daemon.",
        '"/run/ikevpn/control.sock"',
        Path("/run/ikevpn/control.sock"),
    )
    state: Path = key(
        Absolute(),
        "The folder in which the daemon remembers what it changed on this host, to put it back even after a crash.",
        '"/run/ikevpn"',
        Path("/run/ikevpn"),
    )
    log_level: LogLevel = key(Choice(LogLevel), "How much the log says.", '"debug"', LogLevel.INFO)
    max_half_open: int = key(
        Whole(1, 1_000_000),
        "How many negotiations may be under way that nobody has authenticated yet.",
        "1000",
        1000,
    )
    max_half_open_per_source: int = key(
        Whole(1, 1_000_000),
        "The same from one address, or from one /64 of IPv6. Beyond it the oldest that has not answered us goes; where "
        "all have, the new one is refused. A NAT with many clients behind it needs more.",
        "32",
        32,
    )


@dataclass(frozen=True, kw_only=True)
class TunnelTable:
    """A tunnel: `[tunnel.NAME]`, once for each peer or group of peers."""

    remote: tuple[AddressRange | str, ...] = key(
        Many(Remote(), join_remotes, least=1),
        "Where the peer is. Of several places the first that answers is used; a DNS name is looked up at every "
        "attempt, and all of its addresses are tried. Networks and `any` can only be waited for.",
        '"203.0.113.2"',
    )
    local: Address | None = key(
        OneAddress(), "Our own address towards the peer.", '"192.0.2.1"', None, "what the routes say"
    )
    auth: AuthMethod = key(
        Choice(AuthMethod), "How both ends prove who they are: by a pre-shared key.", '"psk"', AuthMethod.PSK
    )
    secret: SecretTable | None = key(
        _SECRET, "The pre-shared key.", '{ file = "paris.psk" }', None, "what the `[[psk]]` tables say"
    )
    mode: Phase1Mode = key(
        Choice(Phase1Mode),
        "Main mode hides identities; aggressive mode shows them and a hash from which a weak secret can be guessed, "
        "but lets peers at unknown addresses have secrets of their own.",
        '"aggressive"',
        Phase1Mode.MAIN,
    )
    local_id: Identity | None = key(
        PeerIdentity(),
        "What we call ourselves: an address, a domain name, `user@domain` or `keyid:…` (`keyid:0x…` for octets).",
        '"gw.example.net"',
        None,
        "our address",
    )
    remote_id: Identity | str | None = key(
        PeerIdentity(any_allowed=True),
        'What the peer must call itself; "any" accepts whatever it says. Behind NAT it often says its inner address.',
        '"branch@example.net"',
        None,
        "the address of the peer; with `remote` a network or any, anything",
    )
    ike_proposals: tuple[IkeProposal, ...] = key(
        Many(IkeProposals(), join_proposals, least=1),
        "What we offer and accept in phase 1, best first.",
        '["pre-g14-aes256-sha256", "standard"]',
        IkeProposals().read("modern"),
        '`["modern"]`',
    )
    esp_proposals: tuple[IpsecProposal, ...] = key(
        Many(EspProposals(), join_proposals, least=1),
        "What we offer and accept in phase 2, best first. The group is for perfect forward secrecy; `nopfs` has none.",
        '["g14-esp-aes128gcm16", "nopfs-esp-3des-sha"]',
        EspProposals().read("modern"),
        '`["modern"]`',
    )
    proposal_order: ProposalOrder = key(
        Choice(ProposalOrder), "Whose order decides when the peer starts.", '"theirs"', ProposalOrder.OURS
    )
    ike_lifetime_s: int = key(
        Whole(60, _YEAR_S, "seconds"),
        "How long phase 1 lives. Of both ends' values the smaller one counts.",
        "28800",
        28800,
    )
    ike_lifetime_kb: int = key(
        Whole(0, 2**32 - 1, "kilobytes"), "How much phase 1 may carry; 0 means no such limit.", "0", 0
    )
    esp_lifetime_s: int = key(Whole(60, _YEAR_S, "seconds"), "How long phase 2 lives.", "3600", 3600)
    esp_lifetime_kb: int = key(
        Whole(0, 2**32 - 1, "kilobytes"), "How much phase 2 may carry; 0 means no such limit.", "4000000", 0
    )
    rekey_margin: float = key(
        Decimal(0.01, 0.5),
        "The share of a lifetime that is left when renewal starts; up to half as much again is added at random.",
        "0.1",
        0.1,
    )
    local_networks: tuple[AddressRange, ...] = key(
        Many(Network(), least=1),
        "The networks on our side. Every pair with one of `remote_networks` is negotiated by itself.",
        '["10.1.1.0/24"]',
        (),
        'required for `"policy"`; everything for `"route"`',
    )
    remote_networks: tuple[AddressRange, ...] = key(
        Many(Network(), least=1),
        "The networks on the peer's side. Of what a peer from anywhere names in them nothing is routed that is wider "
        "than /8 (IPv6: /16), or in which this host or its router has an address.",
        '["10.2.2.0/24", "10.2.3.0/24"]',
        (),
        'required for `"policy"`; everything for `"route"`',
    )
    selector: tuple[SelectorTable, ...] = key(
        Table(SelectorTable, "[[tunnel.NAME.selector]]", several=True),
        "The exact pairs, instead of `local_networks` and `remote_networks`.",
        "",
        (),
        "every pair of the networks",
    )
    sa_mode: InMode = key(Choice(InMode), "Whole packets travel inside new ones.", '"tunnel"', InMode.TUNNEL)
    start: Start | None = key(
        Choice(Start),
        "`up`: at once, and kept up; `on-demand`: at the first packet; `listen`: only the peer starts.",
        '"on-demand"',
        None,
        '`"up"`; `"listen"` where `remote` cannot be called',
    )
    binding: Binding = key(
        Choice(Binding),
        "`policy`: what the selectors name goes into the tunnel. `route`: what is routed to its device does.",
        '"route"',
        Binding.POLICY,
    )
    device: str | None = key(
        Word("a device name of at most 15 letters, digits and . _ -", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}"),
        "The TUN device. Several tunnels may name the same one.",
        '"vpn0"',
        None,
        "`ikevpn0` for all policies; `vpn-NAME` for routes",
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
    when_down: WhenDown = key(
        Choice(WhenDown),
        "What happens to traffic while the tunnel is down: dropped, refused with an ICMP error, or sent as if there "
        "were no tunnel, in clear.",
        '"reject"',
        WhenDown.BLOCK,
    )
    mtu: int = key(
        Named("auto", 0, Whole(576, 65535, "octets")),
        "The largest packet inside the tunnel; by itself computed from the path and the cipher.",
        "1400",
        0,
        '`"auto"`',
    )
    nat_traversal: NatTraversal = key(
        Switch(Only("force", NatTraversal.FORCE), NatTraversal.AUTO, NatTraversal.OFF),
        'Whether ESP goes in UDP where a NAT is on the way; "force" does it everywhere, for paths that lose ESP.',
        '"force"',
        NatTraversal.AUTO,
        "`true`",
    )
    natt_drafts: tuple[NattDraft, ...] = key(
        Many(Choice(NattDraft), least=1),
        "The texts of NAT traversal that we offer, best first. Gateways from before 2005 know only drafts.",
        '["rfc3947", "draft-02"]',
        tuple(NattDraft),
        "all",
    )
    keepalive_s: float = key(
        _TIMEOUT, "How often a NAT is reminded of us when nothing else is sent; 0: never.", "20", 20.0
    )
    fragmentation: int = key(
        Switch(Whole(576, 65535, "octets"), 1280, 0),
        "Whether large IKE messages are cut when the peer can join them; a number is the largest IP packet.",
        "576",
        1280,
        "`true` (1280)",
    )
    dpd_interval_s: float = key(
        _TIMEOUT, "How long a peer may be silent before it is asked for a sign of life; 0: we only answer.", "30", 30.0
    )
    retransmit_s: float = key(
        Decimal(0.1, 60, "seconds"),
        "How long we wait for an answer the first time; then each time 1.8 times as long.",
        "2",
        2.0,
    )
    retransmit_tries: int = key(Whole(0, 20), "How often a message is sent again before we give up.", "5", 5)
    replay_window: int = key(
        Whole(32, 4096, "packets", or_zero=True), "How late a packet may come; 0: no replay protection.", "1024", 1024
    )
    sha256_96: bool = key(
        YesNo(), "SHA-256 cut to 96 bits in ESP, as systems before 2009 and some phones send it.", "true", False
    )
    initial_contact: bool = key(
        YesNo(), "Tell the peer at first contact that older tunnels with us are gone.", "false", True
    )
