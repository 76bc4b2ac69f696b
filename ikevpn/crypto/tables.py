"""One row per algorithm, with its RFC: what there is to know about it in numbers.

Everything that depends on an algorithm looks it up here; nothing in this package branches on a name. A number that
has no row is one we do not speak: `HASHES.get(number)` is None, `hash_row(number)` raises `UsageError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from ikevpn.errors import UsageError
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity, OpenEnum


@dataclass(frozen=True, slots=True)
class HashRow:
    """A phase 1 hash, whose HMAC is the prf. `name` is hashlib's; `size` and `block` in octets."""

    id: Hash
    name: str
    size: int
    block: int


@dataclass(frozen=True, slots=True)
class IkeCipherRow:
    """A phase 1 cipher in CBC mode. `block` in octets; `default` is the key length meant when none was negotiated."""

    id: IkeCipher
    name: str
    block: int
    key_bits: tuple[int, ...]
    default: int

    @property
    def negotiates_key_length(self) -> bool:
        """Whether proposals carry the key length; forbidden where there is only one (RFC 2409 appendix A)."""
        return len(self.key_bits) > 1


class CipherMode(StrEnum):
    """How a cipher of ESP is made of its block cipher. What counts must never see a number twice under one key."""

    NULL = "null"
    CBC = "cbc"
    CTR = "ctr"
    GCM = "gcm"
    CCM = "ccm"
    GMAC = "gmac"


@dataclass(frozen=True, slots=True)
class EspCipherRow:
    """An ESP cipher. `iv`, `block`, `salt` and `icv` in octets.

    `salt` is taken from KEYMAT behind the key and not counted in `key_bits`; `icv` is not 0 where the cipher
    authenticates by itself (AEAD), and such a cipher is never combined with an integrity algorithm.
    """

    id: EspCipher
    name: str
    key_bits: tuple[int, ...]
    default: int
    iv: int
    block: int
    mode: CipherMode = CipherMode.CBC
    salt: int = 0
    icv: int = 0

    @property
    def negotiates_key_length(self) -> bool:
        """Whether proposals carry the key length attribute; forbidden where there is only one (RFC 2407 §4.5)."""
        return len(self.key_bits) > 1

    @property
    def is_aead(self) -> bool:
        """Whether the cipher brings its own integrity check value."""
        return self.icv > 0

    @property
    def counts(self) -> bool:
        """Whether a number used twice under one key breaks it: then keys must come from IKE (RFC 3686 §7, 4106 §2)."""
        return self.salt > 0

    @property
    def needs_integrity(self) -> bool:
        """Whether it protects nothing without an integrity algorithm (RFC 4303 §1, RFC 3686 §7)."""
        return self.mode in (CipherMode.NULL, CipherMode.CTR)


@dataclass(frozen=True, slots=True)
class IntegrityRow:
    """An integrity algorithm of ESP and AH: HMAC with `hash`. `key` and `icv` in octets.

    `icv_before_rfc` is the shorter value that stacks written from a draft send under the same number, or None.
    """

    id: Integrity
    name: str
    hash: Hash
    key: int
    icv: int
    icv_before_rfc: int | None = None


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A Diffie-Hellman group. `public` and `shared` are the sizes on the wire and in the prf, in octets."""

    id: Group
    name: str
    public: int
    shared: int


_AES = (128, 192, 256)


def _counting(id: EspCipher, name: str, mode: CipherMode, salt: int, icv: int) -> EspCipherRow:
    """AES as a stream: 8 octets of IV, and no block that has to be filled."""
    return EspCipherRow(id, name, _AES, 128, iv=8, block=1, mode=mode, salt=salt, icv=icv)


_MD5, _SHA1, _SHA256, _SHA384, _SHA512 = Hash.MD5, Hash.SHA1, Hash.SHA2_256, Hash.SHA2_384, Hash.SHA2_512

HASHES: Mapping[Hash, HashRow] = MappingProxyType(
    {
        row.id: row
        for row in (
            HashRow(_MD5, "md5", 16, 64),  # RFC 1321, RFC 2104
            HashRow(_SHA1, "sha1", 20, 64),  # FIPS 180, RFC 2104
            HashRow(_SHA256, "sha256", 32, 64),  # FIPS 180, RFC 4868
            HashRow(_SHA384, "sha384", 48, 128),
            HashRow(_SHA512, "sha512", 64, 128),
        )
    }
)

IKE_CIPHERS: Mapping[IkeCipher, IkeCipherRow] = MappingProxyType(
    {
        row.id: row
        for row in (
            IkeCipherRow(IkeCipher.DES_CBC, "des", 8, (64,), 64),  # RFC 2405; 8 of the 64 bits are parity
            IkeCipherRow(IkeCipher.TRIPLE_DES_CBC, "3des", 8, (192,), 192),  # RFC 2451
            IkeCipherRow(IkeCipher.AES_CBC, "aes", 16, _AES, 128),  # RFC 3602
        )
    }
)

ESP_CIPHERS: Mapping[EspCipher, EspCipherRow] = MappingProxyType(
    {
        row.id: row
        for row in (
            EspCipherRow(EspCipher.DES, "des", (64,), 64, iv=8, block=8),  # RFC 2405
            EspCipherRow(EspCipher.TRIPLE_DES, "3des", (192,), 192, iv=8, block=8),  # RFC 2451
            EspCipherRow(EspCipher.NULL, "null", (0,), 0, iv=0, block=1, mode=CipherMode.NULL),  # RFC 2410
            EspCipherRow(EspCipher.AES_CBC, "aes", _AES, 128, iv=16, block=16),  # RFC 3602
            _counting(EspCipher.AES_CTR, "aesctr", CipherMode.CTR, 4, 0),  # RFC 3686
            _counting(EspCipher.AES_CCM_8, "aesccm8", CipherMode.CCM, 3, 8),  # RFC 4309
            _counting(EspCipher.AES_CCM_12, "aesccm12", CipherMode.CCM, 3, 12),
            _counting(EspCipher.AES_CCM_16, "aesccm16", CipherMode.CCM, 3, 16),
            _counting(EspCipher.AES_GCM_8, "aesgcm8", CipherMode.GCM, 4, 8),  # RFC 4106
            _counting(EspCipher.AES_GCM_12, "aesgcm12", CipherMode.GCM, 4, 12),
            _counting(EspCipher.AES_GCM_16, "aesgcm16", CipherMode.GCM, 4, 16),
            _counting(EspCipher.NULL_AES_GMAC, "aesgmac", CipherMode.GMAC, 4, 16),  # RFC 4543
        )
    }
)

INTEGRITIES: Mapping[Integrity, IntegrityRow] = MappingProxyType(
    {
        row.id: row
        for row in (
            IntegrityRow(Integrity.HMAC_MD5, "md5", _MD5, 16, 12),  # RFC 2403
            IntegrityRow(Integrity.HMAC_SHA1, "sha1", _SHA1, 20, 12),  # RFC 2404
            # draft-ietf-ipsec-ciph-sha-256-00 cut to 96 bits: Linux up to 2.6.32, Android 6 and 7
            IntegrityRow(Integrity.HMAC_SHA2_256, "sha256", _SHA256, 32, 16, icv_before_rfc=12),  # RFC 4868
            IntegrityRow(Integrity.HMAC_SHA2_384, "sha384", _SHA384, 48, 24),
            IntegrityRow(Integrity.HMAC_SHA2_512, "sha512", _SHA512, 64, 32),
        )
    }
)

GROUPS: Mapping[Group, GroupRow] = MappingProxyType(
    {
        row.id: row
        for row in (
            GroupRow(Group.MODP_768, "modp768", 96, 96),  # RFC 2409 §6.1
            GroupRow(Group.MODP_1024, "modp1024", 128, 128),  # RFC 2409 §6.2
            GroupRow(Group.MODP_1536, "modp1536", 192, 192),  # RFC 3526 §2 to §7 from here
            GroupRow(Group.MODP_2048, "modp2048", 256, 256),
            GroupRow(Group.MODP_3072, "modp3072", 384, 384),
            GroupRow(Group.MODP_4096, "modp4096", 512, 512),
            GroupRow(Group.MODP_6144, "modp6144", 768, 768),
            GroupRow(Group.MODP_8192, "modp8192", 1024, 1024),
            GroupRow(Group.ECP_256, "ecp256", 64, 32),  # RFC 5903 §3
            GroupRow(Group.ECP_384, "ecp384", 96, 48),
            GroupRow(Group.ECP_521, "ecp521", 132, 66),
            GroupRow(Group.CURVE25519, "curve25519", 32, 32),  # RFC 8031 §2
        )
    }
)

_Number = TypeVar("_Number", bound=OpenEnum)
_Row = TypeVar("_Row")


def _row(table: Mapping[_Number, _Row], number: _Number, what: str) -> _Row:
    row = table.get(number)
    if row is None:
        raise UsageError(f"there is no {what} {number}")
    return row


def hash_row(number: Hash) -> HashRow:
    """The row of a phase 1 hash. Raises UsageError."""
    return _row(HASHES, number, "hash")


def ike_cipher_row(number: IkeCipher) -> IkeCipherRow:
    """The row of a phase 1 cipher. Raises UsageError."""
    return _row(IKE_CIPHERS, number, "IKE cipher")


def esp_cipher_row(number: EspCipher) -> EspCipherRow:
    """The row of an ESP cipher. Raises UsageError."""
    return _row(ESP_CIPHERS, number, "ESP cipher")


def integrity_row(number: Integrity) -> IntegrityRow:
    """The row of an integrity algorithm; NONE has no row. Raises UsageError."""
    return _row(INTEGRITIES, number, "integrity algorithm")


def group_row(number: Group) -> GroupRow:
    """The row of a Diffie-Hellman group. Raises UsageError."""
    return _row(GROUPS, number, "Diffie-Hellman group")
