"""Payloads whose body is one string of octets that only others understand (RFC 2408 §3.7, 3.11 to 3.13, 3.16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.registry import PayloadType

_NONCE_SIZES = range(8, 257)
"""RFC 2409 §5: a nonce has between 8 and 256 octets."""


@dataclass(frozen=True, slots=True)
class _Opaque:
    data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the whole body."""
        return cls(reader.rest())

    def write(self) -> bytes:
        """The body."""
        return self.data


@dataclass(frozen=True, slots=True)
class KeyExchange(_Opaque):
    """A Diffie-Hellman public value; its length depends on the group, so the key exchange checks it."""

    payload_type: ClassVar[PayloadType] = PayloadType.KEY_EXCHANGE


@dataclass(frozen=True, slots=True)
class HashPayload(_Opaque):
    """HASH_I, HASH_R or HASH(n) of RFC 2409."""

    payload_type: ClassVar[PayloadType] = PayloadType.HASH


@dataclass(frozen=True, slots=True)
class Signature(_Opaque):
    """SIG_I or SIG_R of RFC 2409 §5.1."""

    payload_type: ClassVar[PayloadType] = PayloadType.SIGNATURE


@dataclass(frozen=True, slots=True)
class Nonce(_Opaque):
    """Ni or Nr, 8 to 256 octets."""

    payload_type: ClassVar[PayloadType] = PayloadType.NONCE

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the whole body; a nonce of an impossible size is `Malformed`."""
        if reader.remaining not in _NONCE_SIZES:
            raise reader.error(f"a nonce of {reader.remaining} octets; 8 to 256 are allowed")
        return cls(reader.rest())


@dataclass(frozen=True, slots=True)
class VendorId(_Opaque):
    """An announcement of a product or an extension; `vendor.recognise` knows many."""

    payload_type: ClassVar[PayloadType] = PayloadType.VENDOR_ID


@dataclass(frozen=True, slots=True)
class Unknown:
    """A payload of a type that we do not know, kept as it came."""

    payload_type: PayloadType
    data: bytes

    def write(self) -> bytes:
        """The body."""
        return self.data
