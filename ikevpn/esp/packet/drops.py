"""Why a packet was dropped: a stable word to count by and a sentence for people. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Drop(StrEnum):
    """A packet that goes no further. Its value is the name of the counter."""

    SHORT = "short"
    LENGTH = "length"
    REPLAY = "replay"
    BAD_ICV = "bad-icv"
    BAD_PADDING = "bad-padding"
    DUMMY = "dummy"
    NEXT_HEADER = "next-header"
    IPCOMP = "ipcomp"
    MALFORMED_INNER = "malformed-inner"
    SELECTOR = "selector"
    NO_SA = "no-sa"
    NO_POLICY = "no-policy"
    DISCARD = "discard"
    EXPIRED = "expired"
    SEQUENCE_EXHAUSTED = "sequence-exhausted"
    ECN = "ecn"
    TRANSPORT = "transport"
    TOO_BIG = "too-big"
    NO_ROUTE = "no-route"
    QUEUE_FULL = "queue-full"

    @property
    def sentence(self) -> str:
        """What happened, in words for the one who reads the counter."""
        return SENTENCES[self]


SENTENCES: Mapping[Drop, str] = MappingProxyType(
    {
        Drop.SHORT: "the packet is too short for the header, IV, trailer and ICV of its SA",
        Drop.LENGTH: "the encrypted part is not a whole number of cipher blocks",
        Drop.REPLAY: "the sequence number was seen before or lies behind the anti-replay window",
        Drop.BAD_ICV: "the integrity check value does not verify: wrong key or algorithm, or the packet was changed",
        Drop.BAD_PADDING: "the padding is not 1, 2, 3 and so on: wrong encryption key, or the packet was changed",
        Drop.DUMMY: "a dummy packet (next header 59), sent to hide the traffic and meant to be thrown away",
        Drop.NEXT_HEADER: "the SA is in tunnel mode, but the packet inside is neither IPv4 nor IPv6",
        Drop.IPCOMP: "the packet inside is compressed (IPComp) and does not expand to an IP packet",
        Drop.MALFORMED_INNER: "the packet inside has broken IP headers or claims to be longer than it is",
        Drop.SELECTOR: "the packet inside is authentic, but its addresses, protocol or ports are not those of the SA",
        Drop.NO_SA: "there is no SA for this packet",
        Drop.NO_POLICY: "no policy covers this packet",
        Drop.DISCARD: "a policy says that this traffic is to be discarded",
        Drop.EXPIRED: "the SA has reached a hard limit of its lifetime",
        Drop.SEQUENCE_EXHAUSTED: "all sequence numbers of the SA are used up; it must be replaced",
        Drop.ECN: "the path marked congestion on a packet whose sender does not speak ECN (RFC 6040)",
        Drop.TRANSPORT: "the SA is in transport mode, which takes no fragments and no options or extension headers",
        Drop.TOO_BIG: "the packet does not fit the path and must not be fragmented",
        Drop.NO_ROUTE: "the host has no route to the peer",
        Drop.QUEUE_FULL: "packets came faster than they could be handed on",
    }
)
