"""ESP with AES-GMAC (RFC 4543): everything is authenticated as AES-GCM would, and nothing is encrypted.

The IV, which is the sequence number, is authenticated too, unlike that of GCM. Packets go one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.layout import HEADER
from ikevpn.esp.transforms.singly import OpensSingly, SealsSingly

IV = 8
_TAG = 16


class GmacSealing(SealsSingly):
    """Seals packets for one SA. `salt` has 4 octets."""

    __slots__ = ("_encrypt", "_extended", "_salt", "_spi")

    def __init__(self, spi: int, key: bytes, salt: bytes, *, extended: bool) -> None:
        self._spi = spi.to_bytes(4, "big")
        self._encrypt = AESGCM(key).encrypt
        self._salt = salt
        self._extended = extended

    def seal(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
        """One ESP packet, from SPI to ICV, for each sequence number, packet and trailer."""
        spi, salt, encrypt = self._spi, self._salt, self._encrypt
        sealed = []
        for sequence, packet, trailer in zip(sequences, packets, trailers, strict=True):
            iv = sequence.to_bytes(IV, "big")
            body = b"".join((iv, packet, trailer))
            header = spi + iv[4:]
            icv = encrypt(salt + iv, b"", (spi + iv if self._extended else header) + body)
            sealed.append(b"".join((header, body, icv)))
        return sealed


class GmacOpening(OpensSingly):
    """Opens packets of one SA; after authentication there is nothing to decrypt."""

    __slots__ = ("_decrypt", "_extended", "_salt")

    def __init__(self, key: bytes, salt: bytes, *, extended: bool) -> None:
        self._decrypt = AESGCM(key).decrypt
        self._salt = salt
        self._extended = extended

    def authenticate(self, packet: Octets, sequence: int) -> Octets | None:
        """The plaintext with its trailer, or None where the ICV does not verify."""
        view = memoryview(packet)
        end = len(view) - _TAG
        head: Octets = b"".join((view[:4], sequence.to_bytes(8, "big"))) if self._extended else view[:HEADER]
        try:
            self._decrypt(self._salt + view[HEADER : HEADER + IV], view[end:], b"".join((head, view[HEADER:end])))
        except InvalidTag:
            return None
        return view[HEADER + IV : end]
