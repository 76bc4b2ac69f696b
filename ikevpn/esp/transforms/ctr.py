"""AES in counter mode (RFC 3686): nonce, IV and a counter from 1 up in each packet. The IV is the sequence number.

It hides and proves nothing, so there is always an integrity algorithm beside it. There is no way for runs: packets go
one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.room import Rows

IV = 8
_FIRST = (1).to_bytes(4, "big")


class CounterMode:
    """Encryption and decryption, which are one and the same. `nonce` has 4 octets."""

    __slots__ = ("_key", "_nonce")
    block = 0

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._key = AES(key)
        self._nonce = nonce

    def encrypt(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[Octets]:
        """See `cbc.Encryption`."""
        ivs = [sequence.to_bytes(IV, "big") for sequence in sequences]
        plain = map(b"".join, zip(packets, trailers, strict=True))
        return [iv + self._apply(iv, each) for iv, each in zip(ivs, plain, strict=True)]

    def decrypt(self, bodies: Sequence[Octets]) -> list[bytes]:
        """See `cbc.Decryption`."""
        return [self._apply(bytes(body[:IV]), body[IV:]) for body in bodies]

    def encrypt_rows(self, plain: Rows) -> Rows:
        raise AssertionError("counter mode has no way for runs")

    decrypt_rows = encrypt_rows

    def _apply(self, iv: bytes, octets: Octets) -> bytes:
        return Cipher(self._key, CTR(b"".join((self._nonce, iv, _FIRST)))).encryptor().update(octets)
