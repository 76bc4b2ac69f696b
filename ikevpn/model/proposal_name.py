"""Names of proposals in the grammar of ScreenOS, both ways: `pre-g2-aes128-sha`, `g14-esp-aes128gcm16`.

One table a part. Writing is total: what has no name prints its number, so that anything a peer offers can be shown.
Reading takes what people write and raises `UnknownPart`, which knows the part that is wrong and what would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.wire.registry import Auth, EspCipher, Group, Hash, IkeCipher, Integrity, OpenEnum, Protocol

AUTHENTICATIONS: Mapping[str, Auth] = {
    "pre": Auth.PSK,
    "rsa": Auth.RSA_SIGNATURE,
    "dsa": Auth.DSS_SIGNATURE,
    "ecdsa256": Auth.ECDSA_P256,
    "ecdsa384": Auth.ECDSA_P384,
    "ecdsa521": Auth.ECDSA_P521,
}
GROUPS: Mapping[str, Group] = {f"g{number}": Group(number) for number in (1, 2, 5, 14, 15, 16, 17, 18, 19, 20, 21)}
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
PROTOCOLS: Mapping[str, Protocol] = {"esp": Protocol.ESP}
AEAD_CIPHERS: Mapping[str, tuple[EspCipher, int]] = {
    f"aes{bits}gcm{octets}": (cipher, bits)
    for bits in (128, 192, 256)
    for octets, cipher in ((8, EspCipher.AES_GCM_8), (12, EspCipher.AES_GCM_12), (16, EspCipher.AES_GCM_16))
}
ESP_CIPHERS: Mapping[str, tuple[EspCipher, int]] = {
    "des": (EspCipher.DES, 0),
    "3des": (EspCipher.TRIPLE_DES, 0),
    "aes128": (EspCipher.AES_CBC, 128),
    "aes192": (EspCipher.AES_CBC, 192),
    "aes256": (EspCipher.AES_CBC, 256),
    "null": (EspCipher.NULL, 0),
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
ALIASES: Mapping[str, str] = {"sha1": "sha", "psk": "pre", "none": "null"}
"""Other words that people use for a part; never written."""

T = TypeVar("T")
N = TypeVar("N", bound=OpenEnum)


class UnknownPart(ValueError):
    """A part of a name that stands in no table. `part` is empty where the name is too short, else what was read."""

    def __init__(self, part: str, what: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{part!r} is not {what}" if part else f"{what} is missing")
        self.part = part
        self.what = what
        self.allowed = allowed


def read_ike(text: str) -> IkeProposal:
    """`pre-g14-aes256-sha256`: how peers prove who they are, group, cipher, hash. Raises UnknownPart."""
    auth, group, cipher, hash_ = _parts(text, 4)
    algorithm, key_bits = _look_up(cipher, IKE_CIPHERS, "a cipher")
    return IkeProposal(
        auth=_look_up(auth, AUTHENTICATIONS, "a kind of authentication"),
        group=_look_up(group, GROUPS, "a group"),
        cipher=algorithm,
        key_bits=key_bits,
        hash=_look_up(hash_, HASHES, "a hash"),
    )


def read_ipsec(text: str) -> IpsecProposal:
    """`nopfs-esp-3des-sha` or, where the cipher authenticates by itself, `g14-esp-aes128gcm16`. Raises UnknownPart."""
    group, protocol, cipher, integrity = _parts(text, 4)
    if cipher in AEAD_CIPHERS:
        _look_up(integrity or "null", {"null": Integrity.NONE}, f"a part that may follow {cipher}")
        integrity = "null"
    algorithm, key_bits = _look_up(cipher, ESP_CIPHERS, "a cipher")
    if algorithm == EspCipher.NULL and integrity == "null":
        raise UnknownPart(integrity, "an integrity algorithm for the cipher null", _without_null(INTEGRITIES))
    return IpsecProposal(
        group=_look_up(group, PFS_GROUPS, "a group or nopfs"),
        protocol=_look_up(protocol, PROTOCOLS, "a protocol"),
        cipher=algorithm,
        key_bits=key_bits,
        integrity=_look_up(integrity, INTEGRITIES, "an integrity algorithm"),
    )


def write_ike(proposal: IkeProposal) -> str:
    """The name of a phase 1 proposal, whatever a peer put into it."""
    return "-".join((
        _name(AUTHENTICATIONS, proposal.auth, "auth"),
        _name(GROUPS, proposal.group, "g"),
        _cipher_name(IKE_CIPHERS, proposal.cipher, proposal.key_bits),
        _name(HASHES, proposal.hash, "hash"),
    ))


def write_ipsec(proposal: IpsecProposal) -> str:
    """The name of a phase 2 proposal, whatever a peer put into it."""
    parts = [
        _name(PFS_GROUPS, proposal.group, "g"),
        proposal.protocol.label if proposal.protocol.known else f"protocol{proposal.protocol.value}",
        _cipher_name(ESP_CIPHERS, proposal.cipher, proposal.key_bits),
    ]
    if parts[2] not in AEAD_CIPHERS or proposal.integrity != Integrity.NONE:
        parts.append(_name(INTEGRITIES, proposal.integrity, "auth"))
    return "-".join(parts)


def _parts(text: str, count: int) -> list[str]:
    parts = [ALIASES.get(part, part) for part in text.lower().split("-")]
    if len(parts) > count:
        raise UnknownPart("-".join(parts[count:]), "a part that may stand at the end", ())
    return parts + [""] * (count - len(parts))


def _look_up(part: str, table: Mapping[str, T], what: str) -> T:
    if part not in table:
        raise UnknownPart(part, what, tuple(table))
    return table[part]


def _without_null(table: Mapping[str, T]) -> tuple[str, ...]:
    return tuple(name for name in table if name != "null")


def _name(table: Mapping[str, N], number: N, otherwise: str) -> str:
    return next((name for name, value in table.items() if value == number), f"{otherwise}{number.value}")


def _cipher_name(table: Mapping[str, tuple[N, int]], cipher: N, key_bits: int) -> str:
    """AES without a key length shows as `aes`, so that the missing length can be seen."""
    named = next((name for name, value in table.items() if value == (cipher, key_bits)), None)
    if named is not None:
        return named
    base = cipher.label if cipher.known else f"cipher{cipher.value}"
    return base.replace("-", "").removesuffix("cbc") + (str(key_bits) if key_bits else "")
