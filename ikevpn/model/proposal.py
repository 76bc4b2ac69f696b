"""What two peers agree on: one combination of algorithms for phase 1 and one for phase 2."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.wire.registry import Auth, EspCipher, Group, Hash, IkeCipher, Integrity, Protocol


@dataclass(frozen=True, slots=True)
class IkeProposal:
    """One phase 1 transform (RFC 2409 §4). `key_bits` is 0 where the cipher has one length only."""

    cipher: IkeCipher
    key_bits: int
    hash: Hash
    group: Group
    auth: Auth = Auth.PSK


@dataclass(frozen=True, slots=True)
class IpsecProposal:
    """One phase 2 transform (RFC 2407 §4.4). `group` NONE means no perfect forward secrecy.

    AH has `cipher` NULL. An AEAD cipher has `integrity` NONE. `key_bits` is 0 where the cipher has one length only.
    """

    protocol: Protocol
    cipher: EspCipher
    key_bits: int
    integrity: Integrity
    group: Group = Group.NONE
    extended_sequence_numbers: bool = False


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
