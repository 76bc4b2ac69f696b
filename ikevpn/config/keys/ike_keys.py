"""The keys of a tunnel that IKE goes by: how the peer proves who it is, what is offered, how long, how patient we are.

Under manual keys none of them means anything, and all are refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.elsewhere import AUTH
from ikevpn.config.keys.key import key
from ikevpn.config.keys.kinds import Choice, Decimal, Many, Only, Switch, Whole, YesNo
from ikevpn.config.keys.network_kinds import PeerIdentity
from ikevpn.config.keys.peer_keys import PORT, TIMEOUT
from ikevpn.config.keys.secret_table import SECRET, SecretTable
from ikevpn.config.keys.words import AuthMethod
from ikevpn.config.proposals.names import EspProposals, IkeProposals, join_proposals
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.tunnel import DpdAction, NattDraft, NatTraversal, Phase1Mode, ProposalOrder, Unique

_YEAR_S = 31_536_000


@dataclass(frozen=True, kw_only=True)
class IkeKeys:
    """Part of `schema.TunnelTable`."""

    auth: AuthMethod = key(
        Choice(AuthMethod, AUTH), "How both ends prove who they are: by a pre-shared key.", '"psk"', AuthMethod.PSK
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
        "Answer calls in aggressive mode. Whoever calls under the right name gets a hash from which the secret can be "
        "guessed at leisure, without having proved anything; so this takes a long random secret, and this word. Calls "
        "of our own need none.",
        "true",
        False,
    )
    local_id: Identity | None = key(
        PeerIdentity(),
        "What we call ourselves: an address, a domain name, `user@domain` or `keyid:…` (`keyid:0x…` for octets). "
        "What stands behind an `@` is sent as a domain name, whatever it looks like.",
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
        "What we offer and accept in phase 2, best first. The group is for perfect forward secrecy; `nopfs` has none. "
        "`ah` in the place of `esp` and its cipher authenticates only, and does not pass a NAT.",
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
    esp_lifetime_packets: int = key(
        Whole(100, 2**32 - 1, "packets", or_zero=True),
        "How many packets of either direction phase 2 may carry; 0 means no such limit. It is ours alone: IKEv1 cannot "
        "tell the peer.",
        "100000000",
        0,
    )
    rekey_margin: float = key(
        Decimal(0.01, 0.5),
        "The share of a lifetime that is left when renewal starts; up to half as much again is added at random.",
        "0.1",
        0.1,
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
    remote_ike_port: int = key(
        PORT,
        "The peer's UDP port of IKE. The same as remote_natt_port: it has only that one, for IKE and ESP (a forwarded "
        "port), and is called there at once.",
        "4500",
        500,
    )
    remote_natt_port: int = key(PORT, "The peer's UDP port of IKE and ESP where a NAT is on the way.", "14500", 4500)
    fragmentation: int = key(
        Switch(Whole(576, 65535, "octets"), 1280, 0),
        "Whether large IKE messages are cut when the peer can join them; a number is the largest IP packet.",
        "576",
        1280,
        "`true` (1280)",
    )
    dpd_interval_s: float = key(
        TIMEOUT, "How long a peer may be silent before it is asked for a sign of life; 0: we only answer.", "30", 30.0
    )
    dpd_timeout_s: float = key(
        TIMEOUT,
        "How long a peer may be silent until it counts as dead, the interval included; 0: as long as it takes to ask "
        "`retransmit_tries` times more, every three seconds.",
        "150",
        0.0,
    )
    dpd_action: DpdAction | None = key(
        Choice(DpdAction),
        "What follows when a peer is dead. `restart`: we call it until it answers; `hold`: its traffic is held back "
        "and the first packet calls it; `clear`: nothing, until it calls or somebody says `up`.",
        '"restart"',
        None,
        'as `start` says: `restart` for `"up"`, `hold` for `"on-demand"`, `clear` for `"listen"`',
    )
    unique: Unique = key(
        Choice(Unique),
        "What happens when a peer that is connected connects again from another address. `replace`: the new connection "
        "takes over; `keep`: both live, for machines that share an identity; `refuse`: the older one stays, and is "
        "asked whether it lives. From the same address phase 1 is always renewed.",
        '"keep"',
        Unique.REPLACE,
    )
    initiator_only: bool = key(
        YesNo(),
        "Only we start phase 1; where the peer does, it gets no answer. What it asks for within phase 1 it gets.",
        "true",
        False,
    )
    retransmit_s: float = key(
        Decimal(0.1, 60, "seconds"),
        "How long we wait for an answer the first time; then each time 1.8 times as long.",
        "2",
        2.0,
    )
    retransmit_tries: int = key(Whole(0, 20), "How often a message is sent again before we give up.", "5", 5)
    max_peers: int = key(
        Whole(1, 1_000_000),
        "How many peers that call us may be connected by this tunnel at once. Further ones are refused, and the log "
        "says so.",
        "500",
        10_000,
    )
    initial_contact: bool = key(
        YesNo(), "Tell the peer at first contact that older tunnels with us are gone.", "false", True
    )
