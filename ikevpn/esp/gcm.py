"""ESP with AES-GCM (RFC 4106): the nonce is salt and IV, the IV is the sequence number, the header is authenticated.

The sequence number never repeats in the life of a key, so neither does the nonce; that is all GCM asks of it. It does
hold only as long as no second sender starts from the same key.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ikevpn.esp.cbc import Octets
from ikevpn.esp.layout import HEADER

IV = 8
_TAG = 16


class GcmSealing:
    """Seals batches for one SA. `icv` is 8, 12 or 16 octets of the tag."""

    __slots__ = ("_cut", "_encrypt", "_extended", "_salt", "_spi")

    def __init__(self, spi: int, key: bytes, salt: bytes, icv: int, *, extended: bool) -> None:
        self._spi = spi.to_bytes(4, "big")
        self._encrypt = AESGCM(key).encrypt
        self._salt = salt
        self._cut = icv - _TAG or None
        self._extended = extended

    def seal(self, sequences: range, packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
        """One ESP packet, from SPI to ICV, for each sequence number, packet and trailer."""
        spi, salt, encrypt, extended, cut = self._spi, self._salt, self._encrypt, self._extended, self._cut
        sealed = []
        for sequence, packet, trailer in zip(sequences, packets, trailers, strict=True):
            iv = sequence.to_bytes(8, "big")
            header = spi + iv[4:]
            # With ESN the whole number is authenticated, high half first (RFC 4106 §5).
            body = encrypt(salt + iv, b"".join((packet, trailer)), spi + iv if extended else header)
            sealed.append(b"".join((header, iv, body if cut is None else body[:cut])))
        return sealed


class GcmOpening:
    """Opens packets of one SA. Authentication decrypts at the same time, so `decrypt` has nothing left to do."""

    __slots__ = ("_decrypt", "_extended", "_icv", "_key", "_salt")

    def __init__(self, key: bytes, salt: bytes, icv: int, *, extended: bool) -> None:
        self._key = AES(key)
        self._decrypt = AESGCM(key).decrypt if icv == _TAG else self._decrypt_short
        self._salt = salt
        self._icv = icv
        self._extended = extended

    def authenticate(self, packet: Octets, sequence: int) -> Octets | None:
        """The plaintext with its trailer, or None where the ICV does not verify."""
        view = memoryview(packet)
        aad: Octets = b"".join((view[:4], sequence.to_bytes(8, "big"))) if self._extended else view[:HEADER]
        nonce = self._salt + view[HEADER : HEADER + IV]
        try:
            return self._decrypt(nonce, view[HEADER + IV :], aad)
        except InvalidTag:
            return None

    def decrypt(self, authentic: Sequence[Octets]) -> list[bytes]:
        """`authentic` as bytes."""
        return [bytes(plaintext) for plaintext in authentic]

    def _decrypt_short(self, nonce: Octets, data: Octets, aad: Octets) -> bytes:
        """AESGCM knows whole tags only; the general interface compares as many octets as the ICV has."""
        end = len(data) - self._icv
        decryptor = Cipher(self._key, GCM(bytes(nonce), bytes(data[end:]), self._icv)).decryptor()
        decryptor.authenticate_additional_data(aad)
        return decryptor.update(data[:end]) + decryptor.finalize()
