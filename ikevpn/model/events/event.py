"""What happened, to which tunnel and why: one code and some facts an event. The sentence for people is in `reasons`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

Fact = str | int | float | bool | tuple[str, ...]
LONGEST_TEXT, MOST_TEXTS = 240, 64
"""What a peer may add to an event, in characters and in number: its identity alone may have 64 KiB."""


class Code(StrEnum):
    """Stable codes; they appear in `--json`, in the log and in `ikevpn explain`."""

    # steps of a negotiation, in the order in which a user sees them
    PHASE1_STARTED = "phase1-started"
    PHASE1_RESPONDING = "phase1-responding"
    PROPOSAL_CHOSEN = "proposal-chosen"
    NAT_DETECTED = "nat-detected"
    NO_NAT = "no-nat"
    KEYS_DERIVED = "keys-derived"
    PEER_AUTHENTICATED = "peer-authenticated"
    IKE_UP = "ike-up"
    PHASE2_STARTED = "phase2-started"
    PHASE2_RESPONDING = "phase2-responding"
    CHILD_UP = "child-up"
    CHILD_REKEYED = "child-rekeyed"
    IKE_REKEYED = "ike-rekeyed"
    # manual keys
    MANUAL_UP = "manual-up"
    MANUAL_DOWN = "manual-down"
    SEQUENCE_LOW = "sequence-low"
    # what the service does around negotiations
    NAME_RESOLVED = "name-resolved"
    RETRY_LATER = "retry-later"
    HOST_REFUSED = "host-refused"
    NETWORK_REFUSED = "network-refused"
    ROUTE_COMPETES = "route-competes"
    HOST_RESTORED = "host-restored"
    DATA_PLANE_CRASHED = "data-plane-crashed"
    INTERNAL_ERROR = "internal-error"
    RELOADED = "reloaded"
    NOT_RELOADED = "not-reloaded"
    CERTIFICATE_EXPIRES = "certificate-expires"
    CERTIFICATE_EXPIRED = "certificate-expired"
    # the daemon's own life
    DAEMON_STARTED = "daemon-started"
    LISTENING = "listening"
    ADDRESSES_CHANGED = "addresses-changed"
    DAEMON_STOPPING = "daemon-stopping"
    # steps that a user sees when things are slow or odd
    RETRANSMITTED = "retransmitted"
    PEER_NOTIFY = "peer-notify"
    ICMP_ERROR = "icmp-error"
    LIFETIME_SHORTENED = "lifetime-shortened"
    PEER_MOVED = "peer-moved"
    DPD_SENT = "dpd-sent"
    DPD_ANSWERED = "dpd-answered"
    INITIAL_CONTACT = "initial-contact"
    DEVIATION = "deviation"
    # ends
    CHILD_DOWN = "child-down"
    IKE_DOWN = "ike-down"
    PHASE1_FAILED = "phase1-failed"
    PHASE2_FAILED = "phase2-failed"
    DATAGRAM_DROPPED = "datagram-dropped"
    CALL_REFUSED = "call-refused"


class Reason(StrEnum):
    """Why something ended or failed; the second half of an event that is not good news."""

    NONE = "none"
    REQUESTED = "requested"
    PEER_DELETED = "peer-deleted"
    REPLACED = "replaced"
    EXPIRED = "expired"
    NO_ANSWER = "no-answer"
    NO_ANSWER_ENCRYPTED = "no-answer-encrypted"
    NO_ANSWER_NATT = "no-answer-natt"
    FRAGMENTS_MISSING = "fragments-missing"
    DEAD_PEER = "dead-peer"
    WRONG_SECRET = "wrong-secret"
    UNREADABLE_REFUSAL = "unreadable-refusal"
    IDENTITY_REFUSED = "identity-refused"
    IN_THE_CLEAR = "in-the-clear"
    NO_SECRET = "no-secret"
    UNANSWERED = "unanswered"
    NO_ANSWER_SIGNED = "no-answer-signed"
    NO_KEY = "no-key"
    SEVERAL_KEYS = "several-keys"
    CANNOT_SIGN = "cannot-sign"
    NO_TRUST = "no-trust"
    NO_CERTIFICATE = "no-certificate"
    BAD_CERTIFICATE = "bad-certificate"
    BAD_SIGNATURE = "bad-signature"
    UNTRUSTED_KEY = "untrusted-key"
    UNTRUSTED_CERTIFICATE = "untrusted-certificate"
    IDENTITY_NOT_CERTIFIED = "identity-not-certified"
    NO_PROPOSAL_PHASE1 = "no-proposal-phase1"
    NO_PROPOSAL_PHASE2 = "no-proposal-phase2"
    ONLY_COMPRESSED = "only-compressed"
    AH_BEHIND_NAT = "ah-behind-nat"
    PEER_REFUSED_PHASE1 = "peer-refused-phase1"
    PEER_REFUSED_PHASE2 = "peer-refused-phase2"
    PROXY_ID_MISMATCH = "proxy-id-mismatch"
    ADDRESS_TAKEN = "address-taken"
    NETWORK_CLAIMED = "network-claimed"
    WRONG_PEER_IDENTITY = "wrong-peer-identity"
    AGGRESSIVE_MODE = "aggressive-mode"
    NO_MATCHING_TUNNEL = "no-matching-tunnel"
    ALREADY_CONNECTED = "already-connected"
    INITIATOR_ONLY = "initiator-only"
    TUNNEL_DOWN = "tunnel-down"
    MALFORMED = "malformed"
    BAD_HASH = "bad-hash"
    BAD_KEY_EXCHANGE = "bad-key-exchange"
    UNEXPECTED_MESSAGE = "unexpected-message"
    UNKNOWN_COOKIE = "unknown-cookie"
    UNKNOWN_EXCHANGE = "unknown-exchange"
    UNSUPPORTED = "unsupported"
    DUPLICATE = "duplicate"
    TOO_MANY_HALF_OPEN = "too-many-half-open"
    LIMIT = "limit"
    PEER_RESTARTED = "peer-restarted"
    WRONG_VERSION = "wrong-version"
    CONFIGURATION_CHANGED = "configuration-changed"
    ANOTHER_WON = "another-won"
    NAME_NOT_FOUND = "name-not-found"
    NO_ROUTE = "no-route"
    TIMEOUT = "timeout"
    DATA_PLANE_RESTARTED = "data-plane-restarted"
    PATH_CHANGED = "path-changed"
    UNREACHABLE = "unreachable"


def cut(fact: Fact) -> Fact:
    """What a peer may have said, no longer than an event can be."""
    if isinstance(fact, str) and len(fact) > LONGEST_TEXT:
        return f"{fact[:LONGEST_TEXT]}… ({len(fact)} characters)"
    if isinstance(fact, tuple):
        told = tuple(str(cut(each)) for each in fact[:MOST_TEXTS])
        return (*told, f"and {len(fact) - MOST_TEXTS} more") if len(fact) > MOST_TEXTS else told
    return fact


_NOTHING: Mapping[str, Fact] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `tunnel` is empty where it cannot be told; `facts` are plain values, never secrets.

    Common facts: `local`, `remote` (endpoints), `child`, `peer_id`, `offered`, `accepted`, `chosen`, `notify`,
    `spi_in`, `spi_out`, in a bundle `ah_spi_in`, `ah_spi_out`, `message` (what was sent or missing), `tries`,
    `seconds`.
    """

    code: Code
    tunnel: str = ""
    reason: Reason = Reason.NONE
    facts: Mapping[str, Fact] = field(default_factory=lambda: _NOTHING)
