"""The ISAKMP header, RFC 2408 §3.1. Says what stands there; which versions, flags or exchanges are welcome is for
the caller to judge."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import pack
from ikevpn.wire.registry import ExchangeType, Flag, PayloadType

HEADER_SIZE = 28
COOKIE_SIZE = 8
VERSION = 0x10
"""Major version 1, minor version 0."""

_LENGTH_OFFSET = 24


@dataclass(frozen=True, slots=True)
class Header:
    """One ISAKMP header. `cky_i` and `cky_r` are 8 octets each; `length` counts header and body."""

    cky_i: bytes
    cky_r: bytes
    next_payload: PayloadType
    exchange: ExchangeType
    flags: Flag
    message_id: int
    length: int
    version: int = VERSION

    @property
    def major(self) -> int:
        """The major version; ours is 1, IKEv2 is 2."""
        return self.version >> 4

    @property
    def encrypted(self) -> bool:
        """Whether the body is ciphertext."""
        return Flag.ENCRYPTION in self.flags


def read(data: bytes) -> Header:
    """The header of the whole datagram `data` (without non-ESP marker). Raises `Malformed` only.

    The length field must cover the datagram exactly: less would hide octets, more would promise some that are missing.
    """
    reader = Reader(data)
    header = Header(
        cky_i=reader.take(COOKIE_SIZE),
        cky_r=reader.take(COOKIE_SIZE),
        next_payload=PayloadType(reader.u8()),
        version=reader.u8(),
        exchange=ExchangeType(reader.u8()),
        flags=Flag(reader.u8()),
        message_id=reader.u32(),
        length=reader.u32(),
    )
    if header.length < HEADER_SIZE:
        raise Malformed(f"the length field says {header.length}, less than the header itself", _LENGTH_OFFSET)
    if header.length > limits.MESSAGE:
        raise Malformed(f"the length field says {header.length}, more than a datagram can hold", _LENGTH_OFFSET)
    if header.length > len(data):
        raise Malformed(f"the length field says {header.length}, but only {len(data)} octets came", _LENGTH_OFFSET)
    if header.length < len(data):
        raise Malformed(f"the length field says {header.length}, but {len(data)} octets came", header.length)
    return header


def write(header: Header, body: bytes) -> bytes:
    """The message of `header` and `body`; the length field is computed, `header.length` is not looked at."""
    if len(header.cky_i) != COOKIE_SIZE or len(header.cky_r) != COOKIE_SIZE:
        raise UsageError(f"cookies have {COOKIE_SIZE} octets, not {len(header.cky_i)} and {len(header.cky_r)}")
    length = HEADER_SIZE + len(body)
    if length > limits.MESSAGE:
        raise UsageError(f"a message of {length} octets does not fit into a datagram")
    fields = pack(
        "BBBBII", header.next_payload, header.version, header.exchange, header.flags, header.message_id, length
    )
    return header.cky_i + header.cky_r + fields + body
