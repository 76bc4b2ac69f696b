"""ESP with AES-GCM (RFC 4106): the nonce is salt and IV, the IV is the sequence number, the header is authenticated.

The sequence number never repeats in the life of a key, so neither does the nonce; that is all GCM asks of it. It does
hold only as long as no second sender starts from the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.layout import HEADER
from ikevpn.esp.transforms.room import RAMP, Room, Rows, each, nonces, octets, room

IV = 8
_TAG = 16


class GcmSealing:
    """Seals batches for one SA. `icv` is 8, 12 or 16 octets of the tag."""

    __slots__ = ("_cut", "_encrypt", "_encrypt_into", "_extended", "_salt", "_spi")

    def __init__(self, spi: int, key: bytes, salt: bytes, icv: int, *, extended: bool) -> None:
        self._spi = spi.to_bytes(4, "big")
        cipher = AESGCM(key)
        self._encrypt = cipher.encrypt
        # Older releases of the library have no `_into`; it writes whole tags only.
        self._encrypt_into: Callable[..., int] | None = getattr(cipher, "encrypt_into", None) if icv == _TAG else None
        self._salt = salt
        self._cut = icv - _TAG or None
        self._extended = extended

    def seal(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
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

    def rows(self, count: int, padded: int) -> Rows | None:
        """See `Sealing.rows`."""
        return None if self._encrypt_into is None else _room(count, padded).packets[:count]

    def seal_rows(self, sequences: range, padded: int) -> Rows:
        """See `Sealing.seal_rows`."""
        assert self._encrypt_into is not None
        count = len(sequences)
        space, material = _room(count, padded), nonces(count)
        whole = space.write_heads(int.from_bytes(self._spi, "big"), sequences)
        sealed = space.sealed[:count]
        material.salts[:count] = octets(self._salt)
        material.ivs[:count] = whole
        sealed[:, HEADER : HEADER + IV] = material.values[:count, 4:]
        aads = space.headers
        if self._extended:
            material.extend(int.from_bytes(self._spi, "big"), whole)
            aads = material.aads
        each(self._encrypt_into, material.nonces[:count], space.plains, aads, space.bodies)
        return sealed


class GcmOpening:
    """Opens packets of one SA. Authentication decrypts at the same time, so `decrypt` has nothing left to do."""

    __slots__ = ("_decrypt", "_decrypt_into", "_extended", "_icv", "_key", "_salt")

    def __init__(self, key: bytes, salt: bytes, icv: int, *, extended: bool) -> None:
        self._key = AES(key)
        cipher = AESGCM(key)
        self._decrypt = cipher.decrypt if icv == _TAG else self._decrypt_short
        self._decrypt_into: Callable[..., int] | None = getattr(cipher, "decrypt_into", None) if icv == _TAG else None
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
        return list(map(bytes, authentic))

    def open_rows(self, packets: Rows, sequences: range) -> Rows | None:
        """See `Opening.open_rows`."""
        if self._decrypt_into is None:
            return None
        count, width = packets.shape
        space, material = _room(count, width - HEADER - IV - _TAG), nonces(count)
        space.take(packets)
        material.salts[:count] = octets(self._salt)
        material.values[:count, 4:] = packets[:, HEADER : HEADER + IV]
        aads = space.headers
        if self._extended:
            spi = int(space.heads[0]) >> 32
            material.extend(spi, RAMP[:count] + np.uint64(sequences.start))
            aads = material.aads
        try:
            each(self._decrypt_into, material.nonces[:count], space.bodies, aads, space.plains)
        except InvalidTag:
            return None
        return space.plain[:count]

    def _decrypt_short(self, nonce: Octets, data: Octets, aad: Octets) -> bytes:
        """AESGCM knows whole tags only; the general interface compares as many octets as the ICV has."""
        end = len(data) - self._icv
        decryptor = Cipher(self._key, GCM(bytes(nonce), bytes(data[end:]), self._icv)).decryptor()
        decryptor.authenticate_additional_data(aad)
        return decryptor.update(data[:end]) + decryptor.finalize()


def _room(count: int, padded: int) -> Room:
    return room(count, 0, padded, IV, _TAG)
