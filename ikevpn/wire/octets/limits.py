"""How much of anything one message may hold; every bound of the parser stands here and nowhere else.

A UDP datagram bounds the octets, these bound the work and the number of objects made from them. They are far above
what products send (the largest offers seen carry a few dozen transforms) and far below what would hurt.
"""

from __future__ import annotations

from typing import Final

MESSAGE: Final = 65535
"""Octets of an ISAKMP message, fragmented or not: what a UDP length field can say."""

FIRST_MESSAGE: Final = 4096
"""Octets of a message 1 of phase 1, which is read before anything is known of its sender. The largest offers of
products have some 2000; certificates, which are longer, come later."""

PAYLOADS: Final = 64
"""Payloads in one chain: vendor ids, NAT-D and certificate requests come in numbers, but not in hundreds."""

PROPOSALS: Final = 32
"""Proposals in one SA payload."""

TRANSFORMS: Final = 128
"""Transforms in one proposal; clients that offer every combination (Shrew Soft, ike-scan) reach several dozen."""

ATTRIBUTES: Final = 64
"""Attributes in one transform, or in one configuration payload."""

SPIS: Final = 256
"""SPIs in one Delete payload."""

FRAGMENTS: Final = 255
"""Fragments of one message: the fragment number is one octet and starts at 1."""

REASSEMBLED: Final = 32768
"""Octets of a message put together from fragments: room for long certificate chains, and all of it unauthenticated."""

REASSEMBLIES: Final = 4
"""Messages collected from fragments at the same time for one IKE SA; nearly all peers send one at a time."""
