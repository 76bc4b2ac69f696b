"""Numbers to octets. A value that does not fit its field is our own mistake (`UsageError`), never cut off silently."""

from __future__ import annotations

import struct

from ikevpn.errors import UsageError
from ikevpn.wire.registry import PayloadType

GENERIC_SIZE = 4
"""Octets of the generic payload header, RFC 2408 §3.2."""


def pack(layout: str, *numbers: int) -> bytes:
    """`struct.pack` in network order (`layout` without the leading `!`)."""
    try:
        return struct.pack("!" + layout, *numbers)
    except struct.error as error:
        raise UsageError(f"the numbers {numbers} do not fit the fields {layout}: {error}") from error


def with_generic(next_payload: PayloadType, body: bytes) -> bytes:
    """`body` behind its generic payload header: next payload, a zero octet, length of both (RFC 2408 §3.2)."""
    return pack("BxH", next_payload, GENERIC_SIZE + len(body)) + body
