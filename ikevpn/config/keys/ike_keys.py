"""The keys of a tunnel that IKE goes by: how the peer proves who it is, what is offered, how long, how patient we are.

Under manual keys none of them means anything, and all are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.elsewhere import AUTH
from ikevpn.config.keys.key import key
from ikevpn.config.keys.kinds import Choice, Decimal, Many, Only, Switch, Whole, YesNo
from ikevpn.config.keys.network_kinds import OwnIdentity, PeerPattern
from ikevpn.config.keys.peer_keys import PORT, TIMEOUT
from ikevpn.config.keys.secret_table import SECRET, SecretTable
from ikevpn.config.keys.words import AuthMethod
from ikevpn.config.proposals.names import EspProposals, IkeProposals, join_proposals
from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.tunnel import DpdAction, NattDraft, NatTraversal, Phase1Mode, ProposalOrder, Unique

_YEAR_S = 31_536_000


@dataclass(frozen=True, kw_only=True)
class IkeKeys:
    """Part of `schema.TunnelTable`."""

    auth: AuthMethod | None = key(
        Choice(AuthMethod, AUTH),
        "How both ends authenticate: by a pre-shared key, or by signatures with keys of this kind.",
        '"psk"',
        None,
        "as `private_key` says; without one `psk`",
    )
    secret: SecretTable | None = key(
        SECRET, "The pre-shared key.", '{ file = "paris.psk" }', None, "what the `[[psk]]` tables say"
    )
    mode: Phase1Mode = key(
        Choice(Phase1Mode),
        "Main mode hides identities; aggressive mode shows them and a hash from which a weak secret can be guessed, "
        "but lets peers at unknown addresses have secrets of their own.",
        '"aggressive"',
        Phase1Mode.MAIN,
    )
    answer_aggressive: bool = key(
        YesNo(),
        "Respond in aggressive mode. Any initiator that sends the right identity gets a hash from which the secret "
        "can be "
        "guessed offline, without being authenticated. So this must be enabled, and needs a long random secret. "
        "Initiating in aggressive mode does not need it, nor does responding with signatures.",
        "true",
        False,
    )
    local_id: Identity | None = key(
        OwnIdentity(),
        "Our identity: an address, a domain name, `user@domain`, a distinguished name (`CN=…, O=…`, in either order) "
        "or `keyid:…` (`keyid:0x…` for octets). Text after a leading `@` is always sent as a domain name. "
        "`[DistinguishedName]` is the subject of our certificate.",
        '"gw.example.net"',
        None,
        "with a certificate the name of this host, if the certificate has it, else its subject; else our address",
    )
    remote_id: Identity | DnPattern | str | None = key(
        PeerPattern(),
        'The identity that the peer must send; "any" accepts all. A peer behind NAT often sends its inner address. '
        "`wildcard:O=…, OU=…` accepts every distinguished name that has these fields, in any order; "
        "`container:O=…, OU=…, OU=…` those in which these fields have exactly these values, in this order.",
        '"branch@example.net"',
        None,
        "the address of the peer; with `remote` a network or any, anything",
    )
    ike_proposals: tuple[IkeProposal, ...] = key(
        Many(IkeProposals(), join_proposals, least=1),
        "What we offer and accept in phase 1, best first. Names for signatures begin with `rsa-`, `dsa-` or "
        "`ecdsa256-`; with a private key the levels stand for these.",
        '["pre-g14-aes256-sha256", "standard"]',
        IkeProposals().read("modern"),
        '`["modern"]`',
    )
    esp_proposals: tuple[IpsecProposal, ...] = key(
        Many(EspProposals(), join_proposals, least=1),
        "What we offer and accept in phase 2, best first. The group is for perfect forward secrecy; `nopfs` has none. "
        "`ah` in the place of `esp` and its cipher authenticates only, and does not pass a NAT.",
        '["g14-esp-aes128gcm16", "nopfs-esp-3des-sha"]',
        EspProposals().read("modern"),
        '`["modern"]`',
    )
    proposal_order: ProposalOrder = key(
        Choice(ProposalOrder),
        "Whose order of preference counts when the peer initiates.",
        '"theirs"',
        ProposalOrder.OURS,
    )
    ike_lifetime_s: int = key(
        Whole(60, _YEAR_S, "seconds"),
        "Lifetime of phase 1. The shorter of both ends' values is used.",
        "28800",
        28800,
    )
    ike_lifetime_kb: int = key(
        Whole(0, 2**32 - 1, "kilobytes"), "Lifetime of phase 1 in kilobytes; 0: no limit.", "0", 0
    )
    esp_lifetime_s: int = key(
        Whole(60, _YEAR_S, "seconds"), "Lifetime of phase 2. The shorter of both ends' values is used.", "3600", 3600
    )
    esp_lifetime_kb: int = key(
        Whole(0, 2**32 - 1, "kilobytes"), "Lifetime of phase 2 in kilobytes; 0: no limit.", "4000000", 0
    )
    esp_lifetime_packets: int = key(
        Whole(100, 2**32 - 1, "packets", or_zero=True),
        "Lifetime of phase 2 in packets of either direction; 0: no limit. It is local: IKEv1 cannot send it to the "
        "peer.",
        "100000000",
        0,
    )
    rekey_margin: float = key(
        Decimal(0.01, 0.5),
        "The share of a lifetime that is left when rekeying starts; up to half as much again is added at random.",
        "0.1",
        0.1,
    )
    nat_traversal: NatTraversal = key(
        Switch(Only("force", NatTraversal.FORCE), NatTraversal.AUTO, NatTraversal.OFF),
        'Whether ESP is sent in UDP when a NAT is detected; "force" does so always, for paths that drop ESP.',
        '"force"',
        NatTraversal.AUTO,
        "`true`",
    )
    natt_drafts: tuple[NattDraft, ...] = key(
        Many(Choice(NattDraft), least=1),
        "The versions of NAT traversal that we offer, best first. Gateways from before 2005 support only drafts.",
        '["rfc3947", "draft-02"]',
        tuple(NattDraft),
        "all",
    )
    remote_ike_port: int = key(
        PORT,
        "The peer's UDP port of IKE. If it equals remote_natt_port, the peer has only that port, for IKE and ESP (a "
        "forwarded port), and phase 1 starts there.",
        "4500",
        500,
    )
    remote_natt_port: int = key(PORT, "The peer's UDP port of IKE and ESP where a NAT is detected.", "14500", 4500)
    fragmentation: int = key(
        Switch(Whole(576, 65535, "octets"), 1280, 0),
        "Whether large IKE messages are fragmented if the peer supports it; a number is the largest IP packet.",
        "576",
        1280,
        "`true` (1280)",
    )
    dpd_interval_s: float = key(
        TIMEOUT,
        "How long a peer may be silent before an R-U-THERE is sent (RFC 3706); 0: only answer those of the peer.",
        "30",
        30.0,
    )
    dpd_timeout_s: float = key(
        TIMEOUT,
        "How long a peer may be silent until it counts as dead, the interval included; 0: the time for "
        "`retransmit_tries` more R-U-THERE, one every three seconds.",
        "150",
        0.0,
    )
    dpd_action: DpdAction | None = key(
        Choice(DpdAction),
        "What to do when a peer is dead. `restart`: initiate again until it answers; `hold`: hold its traffic and "
        "initiate at the first packet; `clear`: nothing, until the peer initiates or `ikevpn up` is called.",
        '"restart"',
        None,
        'as `start` says: `restart` for `"up"`, `hold` for `"on-demand"`, `clear` for `"listen"`',
    )
    unique: Unique = key(
        Choice(Unique),
        "What happens when a connected peer connects again from another address. `replace`: the new connection "
        "replaces "
        "the older one; `keep`: both stay up, for machines that share an identity; `refuse`: the older one stays, and "
        "an R-U-THERE is sent on it. A connection from the same address always replaces phase 1.",
        '"keep"',
        Unique.REPLACE,
    )
    initiator_only: bool = key(
        YesNo(),
        "Only this host initiates phase 1; a phase 1 request of the peer gets no answer. Under a phase 1 that is up "
        "the peer may request phase 2.",
        "true",
        False,
    )
    retransmit_s: float = key(
        Decimal(0.1, 60, "seconds"),
        "How long to wait before the first retransmission; each further wait is 1.8 times as long.",
        "2",
        2.0,
    )
    retransmit_tries: int = key(
        Whole(0, 20), "How often a message is retransmitted before the negotiation fails.", "5", 5
    )
    max_peers: int = key(
        Whole(1, 1_000_000),
        "How many peers that initiate may be connected by this tunnel at once. Further ones are refused and logged.",
        "500",
        10_000,
    )
    initial_contact: bool = key(
        YesNo(),
        "Send INITIAL-CONTACT (RFC 2407 §4.6.3.3), so that the peer deletes older SAs with this host.",
        "false",
        True,
    )
