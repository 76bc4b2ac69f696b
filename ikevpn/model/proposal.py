"""What two peers agree on: one combination of algorithms for phase 1 and one for phase 2.

They print themselves in the grammar of ScreenOS, `pre-g2-3des-sha` and `g2-esp-aes128-sha`, carried on to newer
algorithms, and to bundles: `g2-esp-aes128-sha+ah-sha`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.model.algorithm_names import (
    AEAD_CIPHERS,
    AND,
    AUTHENTICATIONS,
    ESP_CIPHERS,
    EXTENDED,
    GROUPS,
    HASHES,
    IKE_CIPHERS,
    INTEGRITIES,
    PFS_GROUPS,
    cipher_name,
    name_of,
)
from ikevpn.wire.registry import Auth, EspCipher, Group, Hash, IkeCipher, Integrity, Protocol


@dataclass(frozen=True, slots=True)
class IkeProposal:
    """One phase 1 transform (RFC 2409 §4). `key_bits` is 0 where the cipher has one length only."""

    cipher: IkeCipher
    key_bits: int
    hash: Hash
    group: Group
    auth: Auth = Auth.PSK

    def __str__(self) -> str:
        parts = (
            name_of(AUTHENTICATIONS, self.auth, "auth"),
            name_of(GROUPS, self.group, "g"),
            cipher_name(IKE_CIPHERS, self.cipher, self.key_bits),
            name_of(HASHES, self.hash, "hash"),
        )
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class IpsecProposal:
    """One phase 2 transform (RFC 2407 §4.4). `group` NONE means no perfect forward secrecy.

    AH has `cipher` NULL. An AEAD cipher has `integrity` NONE. `key_bits` is 0 where the cipher has one length only.
    A bundle is ESP with AH `around` it, which is a proposal of its own with the same group.
    """

    protocol: Protocol
    cipher: EspCipher
    key_bits: int
    integrity: Integrity
    group: Group = Group.NONE
    extended_sequence_numbers: bool = False
    around: IpsecProposal | None = None

    @property
    def has_ah(self) -> bool:
        """Whether AH stands outermost, which no NAT and no UDP can be around."""
        return self.protocol is Protocol.AH or self.around is not None

    def __str__(self) -> str:
        parts = [name_of(PFS_GROUPS, self.group, "g"), self.protocol.label]
        if self.protocol != Protocol.AH:
            parts.append(cipher_name(ESP_CIPHERS, self.cipher, self.key_bits))
        if parts[-1] not in AEAD_CIPHERS or self.integrity:
            parts.append(name_of(INTEGRITIES, self.integrity, "auth"))
        if self.extended_sequence_numbers:
            parts.append(EXTENDED)
        name = "-".join(parts)
        return name if self.around is None else f"{name}{AND}{str(self.around).removeprefix(f'{parts[0]}-')}"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an SA may live; 0 means no such limit."""

    seconds: int = 0
    kilobytes: int = 0

    def shorter(self, other: Lifetime) -> Lifetime:
        """The smaller limit of each kind that either side has set."""
        return Lifetime(_smaller(self.seconds, other.seconds), _smaller(self.kilobytes, other.kilobytes))


def _smaller(ours: int, theirs: int) -> int:
    return min(ours, theirs) if ours and theirs else ours or theirs
