"""A tunnel as the IKE engine sees it: who the peer is, what we offer, what we protect."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ikevpn.model.address import Address, AddressRange
from ikevpn.model.certificates import Authority, OwnKey, SendCertificate
from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.identity import Identity
from ikevpn.model.outer_header import OuterHeader
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector


class Phase1Mode(StrEnum):
    MAIN = "main"
    AGGRESSIVE = "aggressive"


class NatTraversal(StrEnum):
    OFF = "off"
    AUTO = "auto"
    FORCE = "force"


class NattDraft(StrEnum):
    """Which text of NAT traversal, best first."""

    RFC = "rfc3947"
    DRAFT_03 = "draft-03"
    DRAFT_02N = "draft-02n"
    DRAFT_02 = "draft-02"
    DRAFT_00 = "draft-00"


class ProposalOrder(StrEnum):
    """Whose order decides when we respond."""

    OURS = "ours"
    THEIRS = "theirs"


class Unique(StrEnum):
    """What becomes of a peer's connection when the same identity connects from another address."""

    REPLACE = "replace"  # the new one takes over
    KEEP = "keep"  # both live: several machines have one identity
    REFUSE = "refuse"  # the old one stays, as long as it lives


class DpdAction(StrEnum):
    """What follows when a peer is found dead."""

    RESTART = "restart"
    CLEAR = "clear"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Child:
    """One pair of networks, each its own quick mode and its own `reqid`."""

    name: str
    reqid: int
    selector: Selector


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Everything that IKE needs to know of one tunnel. Times in seconds.

    `remotes` empty means any address. `rekey_margin` is the share of a lifetime left when renewal starts, to which up
    to half as much again is added at random, so that two ends do not collide.
    """

    name: str
    ike_proposals: tuple[IkeProposal, ...]
    ipsec_proposals: tuple[IpsecProposal, ...]
    children: tuple[Child, ...]
    remotes: tuple[AddressRange, ...] = ()
    local: Address | None = None
    mode: Phase1Mode = Phase1Mode.MAIN
    psk: Secret | None = None
    local_id: Identity | None = None  # None: our address
    remote_id: Identity | None = None  # None: the peer's address, or anything where `remotes` is empty
    ike_lifetime: Lifetime = Lifetime(seconds=28800)
    ipsec_lifetime: Lifetime = Lifetime(seconds=3600)
    ipsec_lifetime_packets: int = 0  # ours alone, for IKEv1 has no attribute for it; 0: no such limit
    rekey_margin: float = 0.1
    sa_mode: SaMode = SaMode.TUNNEL
    proposal_order: ProposalOrder = ProposalOrder.OURS
    nat_traversal: NatTraversal = NatTraversal.AUTO
    natt_drafts: tuple[NattDraft, ...] = tuple(NattDraft)
    keepalive_s: float = 20
    fragment_size: int = 1280  # largest IP packet of an IKE fragment; 0: never fragment
    dpd_interval_s: float = 30  # 0: answer only
    dpd_timeout_s: float = 0  # how long silence lasts until the peer is dead; 0: as long as questions are repeated
    unique: Unique = Unique.REPLACE
    initiator_only: bool = False  # a phase 1 that the peer starts is not answered
    retransmit_s: float = 2
    retransmit_factor: float = 1.8
    retransmit_tries: int = 5
    initial_contact: bool = True
    replay_window: int = 1024
    sha256_96: bool = False
    outer: OuterHeader = OuterHeader()
    send_ids: bool = True  # quick mode identities even where they are the endpoints themselves
    vendor_ids: tuple[bytes, ...] = field(default=())
    remote_ike_port: int = 500  # the peer's, whatever ours are
    remote_natt_port: int = 4500  # the same as the other: it is called behind the non-ESP marker from the first message
    max_peers: int = 10_000  # connected at the same time, of those that called us
    named: bool = False  # where the peer is was found by a DNS name, which may lead somewhere else by now
    answer_aggressive: bool = False  # as responder too: whoever asks gets a hash to guess the secret by
    mobility: bool = False  # follow the peer to another address also where no NAT was found
    remote_pattern: DnPattern | None = None  # in place of `remote_id`: many peers, by their distinguished names
    any_remote_id: bool = False  # whoever proves itself may call itself what it likes
    own_keys: tuple[OwnKey, ...] = ()  # with which we sign
    send_certificate: SendCertificate = SendCertificate.ALWAYS
    peer_keys: tuple[bytes, ...] = ()  # public keys (SubjectPublicKeyInfo) of which the peer has one: nobody vouches
    authorities: tuple[Authority, ...] = ()  # one of which vouches for the peer

    @property
    def any_remote(self) -> bool:
        return not self.remotes

    @property
    def many_peers(self) -> bool:
        """Whether peers that nobody has named one by one may call; several single addresses are one peer's."""
        return self.any_remote or any(each.size > 1 for each in self.remotes)


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A pre-shared key for whoever fits: by identity, by address, or for any peer where both are None."""

    secret: Secret
    remote: AddressRange | None = None
    identity: Identity | None = None
