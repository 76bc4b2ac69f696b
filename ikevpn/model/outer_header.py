"""What of the outer IP header of a tunnel the inner one or the operator decides (RFC 4301 §5.1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DfBit(StrEnum):
    """Whether routers may fragment the outer packet, where it is IPv4 (RFC 4301 §8.1)."""

    COPY = "copy"
    SET = "set"
    CLEAR = "clear"


class Fragment(StrEnum):
    """When packets that are too large, and may be fragmented, are: each fragment sealed, or the sealed packet cut."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class OuterHeader:
    """How outer headers are made in tunnel mode, and what is done so that packets fit the path."""

    df: DfBit = DfBit.COPY
    dscp: int | None = None  # None: that of the inner header
    ecn: bool = True  # the full functionality of RFC 6040; without it congestion marks stay outside
    ttl: int = 64
    mss: int | None = 0  # largest TCP segment let through; 0: what fits the path; None: TCP is left alone
    fragment: Fragment = Fragment.BEFORE
    mtu: int = 0  # largest packet inside; 0: what fits the path
    checksum: bool = True  # of UDP around ESP, where it is over IPv4
