"""The phase 1 ciphers in CBC mode over whole messages.

Padding belongs to the message and is done where messages are written; ESP has its own batches in `ikevpn.esp`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ikevpn.crypto.tables import ike_cipher_row
from ikevpn.errors import UsageError
from ikevpn.wire.registry import IkeCipher


def _single_des(key: bytes) -> TripleDES:
    """DES is 3DES with the same key three times: encrypt, decrypt, encrypt."""
    return TripleDES(key * 3)


_ALGORITHMS: Mapping[IkeCipher, Callable[[bytes], AES | TripleDES]] = MappingProxyType(
    {
        IkeCipher.DES_CBC: _single_des,
        IkeCipher.TRIPLE_DES_CBC: TripleDES,
        IkeCipher.AES_CBC: AES,
    }
)


def encrypt(cipher: IkeCipher, key: bytes, iv: bytes, data: bytes) -> bytes:
    """CBC encryption of `data`, whole blocks, with an IV of one block. Raises UsageError for sizes that do not fit."""
    encryptor = _cbc(cipher, key, iv, data).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def decrypt(cipher: IkeCipher, key: bytes, iv: bytes, data: bytes) -> bytes:
    """The reverse of `encrypt`. A peer's message of broken blocks is the caller's to refuse: UsageError here."""
    decryptor = _cbc(cipher, key, iv, data).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def block_size(cipher: IkeCipher) -> int:
    """Octets of a block, and of an IV. Raises UsageError for an unknown cipher."""
    return ike_cipher_row(cipher).block


def key_size(cipher: IkeCipher, key_bits: int | None = None) -> int:
    """Octets of key for the negotiated length in bits; None or 0 means that none was negotiated.

    Raises UsageError for an unknown cipher or a length that it does not have.
    """
    row = ike_cipher_row(cipher)
    bits = key_bits or row.default
    if bits not in row.key_bits:
        raise UsageError(f"{row.name} has no keys of {bits} bits, only of {', '.join(map(str, row.key_bits))}")
    return bits // 8


def _cbc(cipher: IkeCipher, key: bytes, iv: bytes, data: bytes) -> Cipher[CBC]:
    row = ike_cipher_row(cipher)
    if len(key) * 8 not in row.key_bits:
        raise UsageError(f"a key of {len(key)} octets does not fit {row.name}")
    if len(iv) != row.block:
        raise UsageError(f"an IV of {len(iv)} octets does not fit {row.name}")
    if len(data) % row.block:
        raise UsageError(f"{len(data)} octets are not whole blocks of {row.name}")
    return Cipher(_ALGORITHMS[cipher](key), CBC(iv))
