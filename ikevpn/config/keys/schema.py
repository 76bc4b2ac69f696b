"""Every key of the configuration, described once: type, default, what it takes, a sentence and an example.

Loading, error texts, the reference page and the samples are all made from these classes. A field's metadata is its
`Key`; a field without a default in the class must be written by the user. The keys of a tunnel are in `peer_keys`,
`ike_keys`, `traffic_keys`, `host_keys` and `outer_keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from ikevpn.config.keys.certificate_keys import CertificateKeys
from ikevpn.config.keys.host_keys import HostKeys
from ikevpn.config.keys.ike_keys import IkeKeys
from ikevpn.config.keys.key import key
from ikevpn.config.keys.kinds import Absolute, Choice, Many, Named, Whole, YesNo
from ikevpn.config.keys.manual_table import MANUAL, ManualTable
from ikevpn.config.keys.network_kinds import OwnAddress, PeerIdentity, Place, join_remotes
from ikevpn.config.keys.outer_keys import OuterKeys
from ikevpn.config.keys.peer_keys import PORT, PeerKeys
from ikevpn.config.keys.secret_table import SECRET, SecretTable
from ikevpn.config.keys.traffic_keys import TrafficKeys
from ikevpn.config.keys.words import LogLevel, WhenStopped
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.identity import Identity


@dataclass(frozen=True, kw_only=True)
class PskTable:
    """A pre-shared key for peers that are known by address or identity, used by tunnels that name no secret.

    The entry that says most about a peer counts, and no other: identity before address, smaller networks before larger
    ones, `any` last; of two alike the first. A peer that initiates main mode sends its identity only after the secret
    was used: there several are tried, and the one that decrypts the message must be the one that counts.
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
        "The identity of the peer.",
        '"user@example.net"',
        None,
        "anything",
    )
    secret: SecretTable = key(SECRET, "The secret.", '{ file = "branches.psk" }')


@dataclass(frozen=True, kw_only=True)
class DaemonTable:
    """The daemon itself: one `[daemon]` table in all files together."""

    listen: tuple[Address, ...] = key(
        Many(OwnAddress(wildcards=True), least=1),
        "The addresses on which peers may reach us.",
        '["192.0.2.1"]',
        (ip_address("0.0.0.0"), ip_address("::")),  # noqa: S104
        '`["0.0.0.0", "::"]`',
    )
    ike_port: int = key(PORT, "Our UDP port of IKE. Most peers expect 500.", "500", 500)
    natt_port: int = key(PORT, "Our UDP port of IKE and ESP through NAT (RFC 3947).", "4500", 4500)
    socket: Path = key(
        Absolute(),
        "The control socket, by which `ikevpn status` and the other commands reach the daemon.",
        '"/run/ikevpn/control.sock"',
        Path("/run/ikevpn/control.sock"),
    )
    state: Path = key(
        Absolute(),
        "The folder in which the daemon notes what it changed on this host, to undo it even after a crash.",
        '"/run/ikevpn"',
        Path("/run/ikevpn"),
    )
    sequences: Path = key(
        Absolute(),
        "The folder in which the daemon keeps the sequence numbers of manual keys. It must survive a reboot.",
        '"/var/lib/ikevpn"',
        Path("/var/lib/ikevpn"),
    )
    when_stopped: WhenStopped = key(
        Choice(WhenStopped),
        "What happens to the traffic of tunnels while no daemon runs: after it was stopped, in a restart, and at boot "
        "until it starts. `block`: `when_down` and `when_unprotected` stay in force, until `ikevpn unblock`. `pass`: "
        "everything is removed when the daemon ends.",
        '"pass"',
        WhenStopped.BLOCK,
    )
    log_level: LogLevel = key(Choice(LogLevel), "How much the log says.", '"debug"', LogLevel.INFO)
    max_half_open: int = key(
        Whole(1, 1_000_000),
        "How many half-open negotiations there may be, in which the peer is not authenticated yet. Beyond it each "
        "new one "
        "replaces one that has not answered us, chosen at random. Each takes some 6 KiB.",
        "10000",
        4096,
    )
    max_half_open_per_source: int = key(
        Whole(1, 1_000_000),
        "How many of these may have answered us from one address, or from one /64 of IPv6; further ones wait. First "
        "messages, whose address may be forged, are not limited by it, but beyond it they are replaced first. A NAT "
        "with many clients behind it needs more.",
        "200",
        32,
    )
    max_established: int = key(
        Whole(1, 1_000_000),
        "How many IKE SAs may be up that peers have initiated, all tunnels together. Further peers are refused and "
        "logged.",
        "20000",
        20_000,
    )
    max_established_per_source: int = key(
        Whole(1, 1_000_000),
        "The same from one address, or from one /64 of IPv6. A NAT with many clients behind it needs more.",
        "1000",
        256,
    )
    workers: int = key(
        Named("auto", 0, Whole(1, 64)),
        "How many processes carry the tunnels, a core each. A device and its tunnels belong to one; policy tunnels "
        "that name no device get several (`ikevpn0`, `ikevpn1` …). `auto`: one less than there are cores.",
        '"auto"',
        1,
    )
    rehearsal: bool = key(
        YesNo(),
        "Whether a worker sends packets to itself while packets come less than 250 ms apart, but too seldom to keep "
        "the processor's caches warm. Such packets then arrive sooner; each worker takes up to a sixth of a core for "
        "it.",
        "true",
        False,
    )


@dataclass(frozen=True, kw_only=True)
class TunnelTable(OuterKeys, HostKeys, TrafficKeys, CertificateKeys, IkeKeys, PeerKeys):
    """A tunnel: `[tunnel.NAME]`, once for each peer or group of peers."""

    manual: ManualTable | None = key(MANUAL, "Manual keys in place of IKE.", "", None, "none: IKE negotiates the keys")
