"""ESP with AES-CCM (RFC 4309): the nonce is salt and IV, the IV is the sequence number, the header is authenticated.

Packets go one by one: CCM reads each twice, so it is for peers that have nothing better.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.layout import HEADER
from ikevpn.esp.transforms.singly import OpensSingly, SealsSingly

IV = 8


class CcmSealing(SealsSingly):
    """Seals packets for one SA. `salt` has 3 octets; `icv` is 8, 12 or 16."""

    __slots__ = ("_encrypt", "_extended", "_salt", "_spi")

    def __init__(self, spi: int, key: bytes, salt: bytes, icv: int, *, extended: bool) -> None:
        self._spi = spi.to_bytes(4, "big")
        self._encrypt = AESCCM(key, icv).encrypt
        self._salt = salt
        self._extended = extended

    def seal(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
        """One ESP packet, from SPI to ICV, for each sequence number, packet and trailer."""
        spi, salt, encrypt, extended = self._spi, self._salt, self._encrypt, self._extended
        sealed = []
        for sequence, packet, trailer in zip(sequences, packets, trailers, strict=True):
            iv = sequence.to_bytes(IV, "big")
            header = spi + iv[4:]
            # With ESN the whole number is authenticated, high half first (RFC 4309 §5).
            body = encrypt(salt + iv, b"".join((packet, trailer)), spi + iv if extended else header)
            sealed.append(b"".join((header, iv, body)))
        return sealed


class CcmOpening(OpensSingly):
    """Opens packets of one SA. Authentication decrypts at the same time."""

    __slots__ = ("_decrypt", "_extended", "_salt")

    def __init__(self, key: bytes, salt: bytes, icv: int, *, extended: bool) -> None:
        self._decrypt = AESCCM(key, icv).decrypt
        self._salt = salt
        self._extended = extended

    def authenticate(self, packet: Octets, sequence: int) -> Octets | None:
        """The plaintext with its trailer, or None where the ICV does not verify."""
        view = memoryview(packet)
        aad: Octets = b"".join((view[:4], sequence.to_bytes(8, "big"))) if self._extended else view[:HEADER]
        try:
            return self._decrypt(self._salt + view[HEADER : HEADER + IV], view[HEADER + IV :], aad)
        except InvalidTag:
            return None
