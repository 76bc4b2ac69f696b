"""What the engine remembers: IKE SAs, their exchanges, and the pairs of IPsec SAs (children) made under them.

Mutable on purpose and without behaviour: who changes what is told in the rooms that do it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from ikevpn.crypto.keys import Skeyids
from ikevpn.ike.state.budget import Bucket
from ikevpn.ike.state.callers import Callers
from ikevpn.ike.state.used_message_ids import UsedMessageIds
from ikevpn.ike.values.arrival import Arrival
from ikevpn.ike.values.credential import Credential
from ikevpn.ike.values.question import Answer, Question, Ticket
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.events.event import Fact, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal, Lifetime
from ikevpn.model.sa import Algorithms, Direction, Encapsulation
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import NattDraft, Tunnel, Unique
from ikevpn.wire.message import Chain
from ikevpn.wire.payloads.fragment import Reassembly
from ikevpn.wire.registry import ExchangeType
from ikevpn.wire.vendor import Capability

ZERO_COOKIE = bytes(8)
PHASE1 = 0
"""The message id of main and aggressive mode (RFC 2408 §3.1)."""


class Role(StrEnum):
    INITIATOR = "initiator"
    RESPONDER = "responder"

    @property
    def other(self) -> Role:
        return Role.RESPONDER if self is Role.INITIATOR else Role.INITIATOR


class IkeState(StrEnum):
    NEGOTIATING = "negotiating"
    ESTABLISHED = "established"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is on the other side, as a key: children outlive the IKE SA under which they were made.

    `address` tells apart peers that call themselves by inner addresses behind NATs of their own, and machines that
    share an identity (`unique = "keep"`). `credential` has proved who it is: whoever says the same and has another one
    is somebody else.
    """

    tunnel: str
    identity: Identity | None
    address: Address | None
    credential: Credential

    @classmethod
    def of(cls, tunnel: Tunnel, identity: Identity, address: Address, credential: Credential) -> Self:
        ambiguous = tunnel.unique is Unique.KEEP or (identity.is_address and tunnel.remote_id is None)
        return cls(tunnel.name, identity.folded, address if ambiguous else None, credential)

    @property
    def who(self) -> tuple[Identity | None, Address | None, Credential]:
        """The same for one and the same machine, whatever tunnel it uses."""
        return self.identity, self.address, self.credential


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything that protects the messages of one IKE SA. `first_iv` starts the chain of phase 1."""

    credential: Credential  # what a peer that has these keys has proved itself with
    proposal: IkeProposal
    skeyids: Skeyids
    encryption_key: Secret
    first_iv: bytes


@dataclass(slots=True)
class Hint:
    """Why a negotiation will probably fail, learnt from something that proves nothing."""

    reason: Reason
    facts: dict[str, Fact]


@dataclass(slots=True)
class Nat:
    """What NAT detection found. `draft` None: the two sides have no NAT traversal in common."""

    draft: NattDraft | None = None
    we_are_behind: bool = False
    peer_is_behind: bool = False
    decided: bool = False  # both hashes have been compared

    @property
    def found(self) -> bool:
        return self.we_are_behind or self.peer_is_behind

    @property
    def encapsulation(self) -> Encapsulation:
        """How ESP must travel (RFC 3948; before draft 02 behind a non-IKE marker on the IKE port)."""
        if self.draft is None or not self.found:
            return Encapsulation.NONE
        return Encapsulation.UDP_NON_IKE if self.draft is NattDraft.DRAFT_00 else Encapsulation.UDP


@dataclass(slots=True)
class Dpd:
    """RFC 3706: our sequence numbers and the highest of theirs."""

    sequence: int = 0
    waiting: int = 0  # R-U-THERE sent without answer
    peer_sequence: int | None = None
    until: float = 0.0  # when patience ends, where it is configured
    on_demand: bool = False
    suspected: float | None = None  # when something that proves nothing last made us ask


class Place(NamedTuple):
    """Between which addresses a datagram travels, and whether behind the non-ESP marker."""

    local: Endpoint
    remote: Endpoint
    natt: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a row's `verify` returns in place of keys where it has to ask first.

    `then` goes on as `verify` does, with the answer: it gives keys, raises, or waits again. It changes nothing.
    """

    question: Question
    seconds: float
    then: Callable[[Answer], Keys | Waiting | None]


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a row's `build` returns in place of payloads where it lacks what only the world outside has.

    `note` puts the answer where the next call of `build` finds it. Without one the exchange fails for this `reason`.
    """

    question: Question
    seconds: float
    note: Callable[[Answer], None]
    reason: Reason


@dataclass(frozen=True, slots=True)
class Asked:
    """What an exchange lacks for its next message, and has asked for."""

    ticket: Ticket
    lacking: Lacking


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that is opened and waits for an answer before it may change anything. `iv` follows it."""

    ticket: Ticket
    arrival: Arrival
    digest: bytes
    chain: Chain
    iv: bytes
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Outline:
    """What is remembered of the script that an exchange runs by: which it is, and how many messages it has."""

    name: str
    kind: ExchangeType
    rows: tuple[object, ...]


@dataclass(slots=True, kw_only=True)
class State:
    """What an exchange remembers; each script has a kind of its own. `nonces` go into the hashes of its messages."""

    nonces: tuple[bytes, bytes] = (b"", b"")

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        """What an exchange remembers, for its own script."""
        assert isinstance(exchange.state, cls)
        return exchange.state

    def concerns(self, spi: int) -> bool:
        """Whether it is about this inbound SPI of ours."""
        return False


@dataclass(slots=True, eq=False)
class Exchange:
    """One exchange under one message id. `state` is of the kind that its script has."""

    script: Outline
    message_id: int
    role: Role
    state: State
    row: int = 0
    begun: float = 0.0  # for us
    iv: bytes = b""
    flight: bytes = b""  # what we sent last, before fragmentation
    tries: int = 0
    tries_allowed: int = 0
    answered: dict[bytes, int] = field(default_factory=dict)  # digest of a datagram taken -> row
    resent: int = 0
    pending: Pending | None = None
    asked: Asked | None = None
    place: Place | None = None  # where it is answered, if its latest message came from where the peer may be now

    @property
    def done(self) -> bool:
        return self.row >= len(self.script.rows)


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """A quick mode that waits to be started. `replaces` is the serial of the child that it renews."""

    tunnel: Tunnel
    name: str
    reqid: int
    selector: Selector
    replaces: int = 0
    group_index: int = 0


@dataclass(slots=True, eq=False)
class IkeSa:
    """A phase 1 security association, half-open or established."""

    serial: int
    role: Role
    cky_i: bytes
    cky_r: bytes
    local: Endpoint
    remote: Endpoint
    created: float
    tunnel: Tunnel | None = None
    candidates: tuple[Tunnel, ...] = ()  # the tunnel for which we call, or all that an authenticated peer may use
    natt: bool = False
    state: IkeState = IkeState.NEGOTIATING
    stage: Outline | None = None  # what has to be done under its keys before it counts as established
    proposal: IkeProposal | None = None
    lifetime: Lifetime = Lifetime()
    keys: Keys | None = None
    last_block: bytes = b""
    local_id: Identity | None = None
    peer_id: Identity | None = None
    proved_from: Address | None = None  # where the peer was when it proved who it is
    peers: tuple[Peer, ...] = ()  # who has authenticated: under its own tunnel first, then all that it may use
    capabilities: Capability = Capability(0)
    peer_products: tuple[str, ...] = ()
    nat: Nat = field(default_factory=Nat)
    exchanges: dict[int, Exchange] = field(default_factory=dict)
    kept_alive: tuple[Endpoint, Endpoint] | None = None
    spent: UsedMessageIds = field(default_factory=UsedMessageIds)  # message ids of either side
    told: Bucket = field(default_factory=Bucket)  # what anybody may have sent is told only so often
    said: dict[int, bytes] = field(default_factory=dict)  # hashes of our latest informationals, by message id
    reassembly: Reassembly = field(default_factory=Reassembly)
    fragment_id: int = 0
    fragmented: int = 0  # hash of the datagram that has this number
    first_from: Endpoint | None = None  # where the peer was at message 1
    first_at: Endpoint | None = None  # and where we were
    waiting: deque[ChildRequest] = field(default_factory=deque)
    early: list[Arrival] = field(default_factory=list)
    held: int = 0  # octets of early datagrams, of fragments and of what waits for an answer, while half-open
    hint: Hint | None = None
    decoy: Hint | None = None  # why this cannot succeed, which the peer must not see: it is answered like others
    icmp: dict[str, Fact] = field(default_factory=dict)  # what a router said of our datagrams, if anything
    dpd: Dpd = field(default_factory=Dpd)
    heard: float = 0.0  # last authenticated sign of life
    established: float = 0.0
    superseded: bool = False
    callers: Callers | None = None  # whom one that called us may mean, until it has proved who it is

    @property
    def own_cookie(self) -> bytes:
        return self.cky_i if self.role is Role.INITIATOR else self.cky_r

    @property
    def cookies(self) -> bytes:
        """The SPI of an ISAKMP SA in notify and delete payloads (RFC 2408 §3.14)."""
        return self.cky_i + self.cky_r

    @property
    def name(self) -> str:
        return self.tunnel.name if self.tunnel else ""

    @property
    def follows(self) -> bool:
        """Whether the peer may turn up at another address or port: a NAT may move it, or the user allows it.

        Else a message from elsewhere was sent on by somebody, and following it would be what he wants.
        """
        return self.nat.peer_is_behind or (self.tunnel is not None and self.tunnel.mobility)

    @property
    def is_stranger(self) -> bool:
        """Whether somebody called us and has proved nothing: anybody may have done so."""
        return self.role is Role.RESPONDER and not self.peers


@dataclass(frozen=True, slots=True)
class Layer:
    """One protocol of a pair: its SPIs and keys."""

    proposal: IpsecProposal
    spi_in: int
    spi_out: int
    algorithms: Mapping[Direction, Algorithms]


@dataclass(slots=True, eq=False)
class Child:
    """A pair of IPsec SAs; in a bundle another pair is `around` it, and lives as it does.

    `outbound` False: quick mode message 3 is to come, or the pair is `withheld`: complete, but one that the peer began
    at the same time is used in its place.
    """

    serial: int
    name: str
    reqid: int
    tunnel: Tunnel
    peer_id: Identity | None
    peer: Peer
    proved_from: Address | None
    selector: Selector
    role: Role
    proposal: IpsecProposal
    lifetime: Lifetime
    spi_in: int
    spi_out: int
    local: Endpoint
    remote: Endpoint
    encapsulation: Encapsulation
    begun: float  # when its quick mode began, for us
    created: float
    nonces: tuple[bytes, bytes]
    replaces: int = 0
    algorithms: dict[Direction, Algorithms] = field(default_factory=dict)
    outbound: bool = False
    withheld: bool = False
    agreed: float = 0.0  # when its quick mode was done, for us
    superseded: bool = False
    rekeying: bool = False
    insisted: bool = False  # superseded, and the peer was seen to send on it all the same
    pressed: bool = False  # its lifetime is nearly used up: what replaces it has to do so at once
    mapped: bool = False  # the peer can be reached only by the NAT mapping that it keeps open for port 4500
    follows: bool = False  # as its IKE SA does
    behind_nat: bool = False  # we are, so that its mapping has to be kept open
    kept_alive: tuple[Endpoint, Endpoint] | None = None
    expands: bool = False  # the peer may compress what it sends
    around: Layer | None = None  # AH, in a bundle; everything else is that of ESP

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its protocols, the innermost first."""
        inner = Layer(self.proposal, self.spi_in, self.spi_out, self.algorithms)
        return (inner,) if self.around is None else (inner, self.around)
