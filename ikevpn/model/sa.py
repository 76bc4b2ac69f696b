"""Security associations and policies in the words of Linux's XFRM; the language between control and data plane.

An SA is one direction. The sender looks for the newest outbound SA of a `reqid`; the receiver finds an SA by its SPI.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ikevpn.model.address import Endpoint
from ikevpn.model.outer_header import OuterHeader
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import EspCipher, Integrity, Protocol

FIRST_DYNAMIC_REQID = 1_000_000
"""Configuration numbers its children from 1, IKE from here on pairs that no configuration names one by one."""


def is_dynamic(reqid: int) -> bool:
    """Whether a pair is one that no configuration names: of a dialup peer, or of a network that was narrowed."""
    return reqid >= FIRST_DYNAMIC_REQID


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class SaMode(StrEnum):
    """RFC 4301 §4.1."""

    TUNNEL = "tunnel"
    TRANSPORT = "transport"


class Encapsulation(StrEnum):
    """How ESP travels outside."""

    NONE = "none"  # IP protocol 50
    UDP = "udp"  # RFC 3948, port 4500
    UDP_NON_IKE = "udp-non-ike"  # drafts 00 and 01: port 500 behind eight zero octets


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Transform and keys of one SA. For AEAD and counter modes `encryption_key` ends in the salt (RFC 4106 §8.1)."""

    cipher: EspCipher
    key_bits: int
    integrity: Integrity
    encryption_key: Secret
    integrity_key: Secret
    integrity_96: bool = False  # HMAC-SHA2-256 cut to 96 bits, as stacks before RFC 4868 did


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets, packets and seconds after which an expire event is due; 0 means never.

    From `early_bytes` on soft is due as soon as the present speed leaves less than `lead_s` before `hard_bytes`.
    """

    soft_bytes: int = 0
    hard_bytes: int = 0
    soft_packets: int = 0
    hard_packets: int = 0
    soft_seconds: float = 0
    hard_seconds: float = 0
    early_bytes: int = 0
    lead_s: float = 0


@dataclass(frozen=True, slots=True)
class Sa:
    """One direction of a security association, ready to install."""

    direction: Direction
    spi: int
    reqid: int
    tunnel: str
    protocol: Protocol
    mode: SaMode
    local: Endpoint  # outer; the port counts only where encapsulated
    remote: Endpoint
    encapsulation: Encapsulation
    algorithms: Algorithms
    selectors: tuple[Selector, ...]
    limits: Limits = Limits()
    replay_window: int = 1024  # 0: no replay check
    extended_sequence_numbers: bool = False
    expands: bool = False  # inbound: the peer may compress (IPComp with DEFLATE)
    wraps: int = 0  # SPI of the SA whose packets this one carries (bundle: AH around ESP); 0: it is the innermost
    wrapped: bool = False  # its packets travel only inside of those of the SA that wraps it
    sequence: int = 0  # outbound: the last sequence number that is used up already (manual keys live on)
    outer: OuterHeader = OuterHeader()
    follows: bool = False  # inbound: authenticated packets from elsewhere move the way back, because a NAT is there


class PolicyAction(StrEnum):
    PROTECT = "protect"
    BYPASS = "bypass"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Policy:
    """Outgoing traffic of `device` that matches `selector` goes through the SAs of `reqid`, or nowhere.

    Without an SA a packet is dropped or, where `acquire` is set, held (a few) while an acquire event is raised.
    Higher `priority` is looked up first.
    """

    device: str
    selector: Selector
    reqid: int
    tunnel: str
    action: PolicyAction = PolicyAction.PROTECT
    acquire: bool = True
    priority: int = 0


class ExpireKind(StrEnum):
    """`SOFT`: time for a new SA. `URGENT`: half of what octets or packets were left then is used. `HARD`: the end."""

    SOFT = "soft"
    URGENT = "urgent"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class SaUse:
    """Counters of one SA since it was installed. `idle_s` is None before the first packet."""

    spi: int
    direction: Direction
    bytes: int = 0
    packets: int = 0
    idle_s: float | None = None
    drops: tuple[tuple[str, int], ...] = ()
    reqid: int = 0  # tells apart outbound SAs whose SPI two peers chose alike
    path_mtu: int = 0  # outbound: octets that the path takes, as far as we know; 0: nothing was sent yet


@dataclass(frozen=True, slots=True)
class Total:
    """What all SAs of a tunnel have carried in one direction, and dropped by reason, since the data plane started."""

    tunnel: str
    direction: Direction
    bytes: int = 0
    packets: int = 0
    drops: tuple[tuple[str, int], ...] = ()
