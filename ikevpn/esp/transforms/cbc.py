"""The confidentiality half of ESP with a separate integrity algorithm: CBC ciphers and NULL, a batch in one call.

Two properties of CBC save a cipher context for every packet:

- Encryption keeps one running context and puts a block of random octets in front of every packet. The ciphertext of
  that block depends on the random octets, so nobody can predict it: it serves as the packet's IV (RFC 3602 §3,
  RFC 2405 §3), and it is the block that the context chains from anyway.
- Decryption of a block needs only the block of ciphertext before it. Packets laid end to end, each with its IV in
  front, decrypt in one go; what comes out in the place of an IV is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Protocol

import numpy as np
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ikevpn.esp.transforms.room import Rows, octets, scratch
from ikevpn.wire.registry import EspCipher

Entropy = Callable[[int], bytes]
Octets = bytes | memoryview


class Encryption(Protocol):
    """Turns plaintexts into what stands between sequence number and ICV: IV and ciphertext.

    `block` is 0 where there is no way for runs.
    """

    block: int

    def encrypt(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[Octets]:
        """One result for each sequence number, packet and trailer; the two last are whole blocks together."""

    def encrypt_rows(self, plain: Rows) -> Rows:
        """The same for rows, each with a block of room in front of packet and trailer."""


class Decryption(Protocol):
    """The reverse."""

    block: int

    def decrypt(self, bodies: Sequence[Octets]) -> list[bytes]:
        """The plaintext, trailer included, of each IV with its ciphertext of whole blocks."""

    def decrypt_rows(self, bodies: Rows) -> Rows:
        """The same for rows; each result has a block in front that means nothing. Valid until the next run."""


def _single_des(key: bytes) -> TripleDES:
    """DES is 3DES with the same key three times: encrypt, decrypt, encrypt."""
    return TripleDES(key * 3)


_ALGORITHMS: Mapping[EspCipher, Callable[[bytes], AES | TripleDES]] = MappingProxyType(
    {
        EspCipher.DES: _single_des,
        EspCipher.TRIPLE_DES: TripleDES,
        EspCipher.AES_CBC: AES,
    }
)


class CbcEncryption:
    """One running context and `entropy` for the block in front of every packet."""

    __slots__ = ("_entropy", "_update", "_update_into", "block")

    def __init__(self, cipher: EspCipher, key: bytes, block: int, entropy: Entropy) -> None:
        self.block = block
        self._entropy = entropy
        context = Cipher(_ALGORITHMS[cipher](key), CBC(entropy(block))).encryptor()
        self._update = context.update
        self._update_into = context.update_into

    def encrypt(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[Octets]:
        block, random = self.block, self._entropy(self.block * len(packets))
        fronts = [random[at : at + block] for at in range(0, len(random), block)]
        whole = memoryview(self._update(b"".join(chain.from_iterable(zip(fronts, packets, trailers, strict=True)))))
        return _split(whole, [block + len(p) + len(t) for p, t in zip(packets, trailers, strict=True)])

    def encrypt_rows(self, plain: Rows) -> Rows:
        count, width = plain.shape
        plain[:, : self.block] = octets(self._entropy(self.block * count)).reshape(count, self.block)
        result = scratch(plain.size)
        self._update_into(plain.data, result.data)
        return result[: plain.size].reshape(count, width)


class CbcDecryption:
    """One context whose chaining value never matters."""

    __slots__ = ("_update", "_update_into", "block")

    def __init__(self, cipher: EspCipher, key: bytes, block: int) -> None:
        self.block = block
        context = Cipher(_ALGORITHMS[cipher](key), CBC(bytes(block))).decryptor()
        self._update = context.update
        self._update_into = context.update_into

    def decrypt(self, bodies: Sequence[Octets]) -> list[bytes]:
        block, plaintext = self.block, self._update(b"".join(bodies))
        plaintexts, at = [], 0
        for body in bodies:
            end = at + len(body)
            plaintexts.append(plaintext[at + block : end])
            at = end
        return plaintexts

    def decrypt_rows(self, bodies: Rows) -> Rows:
        result = scratch(bodies.size)
        self._update_into(np.ascontiguousarray(bodies).data, result.data)
        return result[: bodies.size].reshape(bodies.shape)


class NoEncryption:
    """NULL (RFC 2410): the plaintext as it is, without IV. It protects nothing, so nobody needs it fast."""

    __slots__ = ()
    block = 0

    def encrypt(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[Octets]:
        return [b"".join(pieces) for pieces in zip(packets, trailers, strict=True)]

    def decrypt(self, bodies: Sequence[Octets]) -> list[bytes]:
        return [bytes(body) for body in bodies]

    def encrypt_rows(self, plain: Rows) -> Rows:
        raise AssertionError("NULL has no way for runs")

    decrypt_rows = encrypt_rows


def _split(whole: memoryview, sizes: Iterable[int]) -> list[Octets]:
    pieces: list[Octets] = []
    at = 0
    for size in sizes:
        pieces.append(whole[at : at + size])
        at += size
    return pieces
