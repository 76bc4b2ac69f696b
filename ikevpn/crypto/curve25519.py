"""Diffie-Hellman on Curve25519 (RFC 7748, RFC 8031): one coordinate, and every string of 32 octets is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

SIZE = 32


@dataclass(frozen=True, slots=True)
class Curve25519:
    """Private values are big-endian numbers, as those of all groups; what travels is little-endian (RFC 7748 §5)."""

    private_end: int = 1 << (8 * SIZE)

    def private(self, entropy: Callable[[int], bytes]) -> bytes:
        """A fresh scalar, with the bits fixed that RFC 7748 §5 fixes."""
        octets = bytearray(entropy(SIZE))
        octets[0] = octets[0] & 0x7F | 0x40
        octets[-1] &= 0xF8
        return bytes(octets)

    def public(self, private: bytes) -> bytes:
        """The coordinate of private times the base point."""
        return self._key(private).public_key().public_bytes_raw()

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """The coordinate of private times the peer's point. Raises ValueError for points of small order, which give
        zero whatever we have chosen (RFC 7748 §6.1).
        """
        return self._key(private).exchange(X25519PublicKey.from_public_bytes(peer_public))

    def _key(self, private: bytes) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(int.from_bytes(private, "big").to_bytes(SIZE, "little"))
