"""The words for algorithms in proposals, one table a kind: `aes128`, `sha`, `g14`.

Looking up a word for a number is total: what has no word prints its number. Numbers of different kinds compare equal
(they are integers), so every kind has its own table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ikevpn.wire.registry import Auth, EspCipher, Group, Hash, IkeCipher, Integrity, OpenEnum, Protocol

N = TypeVar("N", bound=OpenEnum)

AUTHENTICATIONS: Mapping[str, Auth] = {
    "pre": Auth.PSK,
    "rsa": Auth.RSA_SIGNATURE,
    "dsa": Auth.DSS_SIGNATURE,
    "ecdsa256": Auth.ECDSA_P256,
    "ecdsa384": Auth.ECDSA_P384,
    "ecdsa521": Auth.ECDSA_P521,
}
GROUPS: Mapping[str, Group] = {f"g{number}": Group(number) for number in (1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 31)}
PFS_GROUPS: Mapping[str, Group] = {"nopfs": Group.NONE, **GROUPS}
IKE_CIPHERS: Mapping[str, tuple[IkeCipher, int]] = {
    "des": (IkeCipher.DES_CBC, 0),
    "3des": (IkeCipher.TRIPLE_DES_CBC, 0),
    "aes128": (IkeCipher.AES_CBC, 128),
    "aes192": (IkeCipher.AES_CBC, 192),
    "aes256": (IkeCipher.AES_CBC, 256),
}
HASHES: Mapping[str, Hash] = {
    "md5": Hash.MD5,
    "sha": Hash.SHA1,
    "sha256": Hash.SHA2_256,
    "sha384": Hash.SHA2_384,
    "sha512": Hash.SHA2_512,
}
PROTOCOLS: Mapping[str, Protocol] = {"esp": Protocol.ESP, "ah": Protocol.AH}
_AES = (128, 192, 256)
AEAD_CIPHERS: Mapping[str, tuple[EspCipher, int]] = (
    {
        f"aes{bits}gcm{octets}": (cipher, bits)
        for bits in _AES
        for octets, cipher in ((8, EspCipher.AES_GCM_8), (12, EspCipher.AES_GCM_12), (16, EspCipher.AES_GCM_16))
    }
    | {
        f"aes{bits}ccm{octets}": (cipher, bits)
        for bits in _AES
        for octets, cipher in ((8, EspCipher.AES_CCM_8), (12, EspCipher.AES_CCM_12), (16, EspCipher.AES_CCM_16))
    }
    | {f"aes{bits}gmac": (EspCipher.NULL_AES_GMAC, bits) for bits in _AES}
)
"""Ciphers that authenticate by themselves; no integrity algorithm stands behind them."""
CTR_CIPHERS: Mapping[str, tuple[EspCipher, int]] = {f"aes{bits}ctr": (EspCipher.AES_CTR, bits) for bits in _AES}
"""Ciphers whose every bit can be flipped on the way: an integrity algorithm has to stand behind them."""
ESP_CIPHERS: Mapping[str, tuple[EspCipher, int]] = {
    "des": (EspCipher.DES, 0),
    "3des": (EspCipher.TRIPLE_DES, 0),
    "aes128": (EspCipher.AES_CBC, 128),
    "aes192": (EspCipher.AES_CBC, 192),
    "aes256": (EspCipher.AES_CBC, 256),
    "null": (EspCipher.NULL, 0),
    **CTR_CIPHERS,
    **AEAD_CIPHERS,
}
INTEGRITIES: Mapping[str, Integrity] = {
    "md5": Integrity.HMAC_MD5,
    "sha": Integrity.HMAC_SHA1,
    "sha256": Integrity.HMAC_SHA2_256,
    "sha384": Integrity.HMAC_SHA2_384,
    "sha512": Integrity.HMAC_SHA2_512,
    "null": Integrity.NONE,
}
AH_INTEGRITIES: Mapping[str, Integrity] = {name: each for name, each in INTEGRITIES.items() if name != "null"}
EXTENDED = "esn"
"""At the end of a phase 2 name: sequence numbers of 64 bits (RFC 4304)."""
AND = "+"
"""Between the two parts of a bundle: what is in front of it travels inside of what is behind it."""


def name_of(table: Mapping[str, N], number: N, otherwise: str) -> str:
    """`sha256`; `otherwise` with the number where the table has no word for it."""
    return next((name for name, value in table.items() if value == number), f"{otherwise}{number.value}")


def cipher_name(table: Mapping[str, tuple[N, int]], cipher: N, key_bits: int) -> str:
    """`3des`, `aes128`, `aes128gcm16`; AES without a key length shows as `aes`, so that its absence can be seen."""
    named = next((name for name, value in table.items() if value == (cipher, key_bits)), None)
    if named is not None:
        return named
    base = cipher.label if cipher.known else f"cipher{cipher.value}"
    return base.replace("-", "").removesuffix("cbc") + (str(key_bits) if key_bits else "")
