"""Diffie-Hellman key exchange in every group we know, as octets on the wire.

The one place where a peer's public value is judged. Values and secrets have the group's full width, with zeros in front.
Randomness is passed in; nothing here remembers anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ikevpn.crypto import ecp, modp
from ikevpn.crypto.tables import group_row
from ikevpn.errors import Refused, UsageError
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import Group, NotifyType


class BadPublicValue(Refused):
    """The peer's public value is none of the group, or would give away the shared secret (RFC 2412 §5, RFC 6989)."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, notify=NotifyType.INVALID_KEY_INFORMATION, reason="bad-public-value")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Our half of an exchange: the private exponent, and the public value as it stands in the KE payload."""

    group: Group
    private: Secret
    public: bytes


def generate(group: Group, entropy: Callable[[int], bytes]) -> KeyPair:
    """A fresh pair; `entropy(n)` gives n random octets. Raises UsageError for a group that we do not know."""
    group_row(group)
    if group in modp.MODP:
        size = modp.MODP[group].exponent_bits // 8
        exponent = int.from_bytes(entropy(size), "big") | 1 << (size * 8 - 1)
        return from_private(group, exponent.to_bytes(size, "big"))
    order = ecp.ECP[group].order
    size = (order.bit_length() + 7) // 8
    # 64 bits more than the order has make the remainder's bias negligible (FIPS 186-5 appendix A.2.1)
    scalar = int.from_bytes(entropy(size + 8), "big") % (order - 1) + 1
    return from_private(group, scalar.to_bytes(size, "big"))


def from_private(group: Group, private: bytes) -> KeyPair:
    """The pair of a given private value, to replay a transcript. Raises UsageError for a group or value out of range."""
    row = group_row(group)
    number = int.from_bytes(private, "big")
    if group in modp.MODP:
        if not 1 < number < modp.prime(group) - 1:
            raise UsageError(f"the private value is out of range for {row.name}")
        public = modp.power(group, modp.GENERATOR, number).to_bytes(row.public, "big")
    else:
        if not 0 < number < ecp.ECP[group].order:
            raise UsageError(f"the private value is out of range for {row.name}")
        public = ecp.public(group, number)
    return KeyPair(group, Secret(private), public)


def shared(pair: KeyPair, peer_public: bytes) -> bytes:
    """g^xy, `GroupRow.shared` octets. Raises BadPublicValue for a wrong length, 0, 1, p-1, p and above, no point."""
    row = group_row(pair.group)
    if len(peer_public) != row.public:
        raise BadPublicValue(f"a public value of {len(peer_public)} octets, where {row.name} has {row.public}")
    private = int.from_bytes(pair.private.reveal(), "big")
    if pair.group in modp.MODP:
        number = int.from_bytes(peer_public, "big")
        if not 1 < number < modp.prime(pair.group) - 1:
            raise BadPublicValue(f"a public value outside of 2 to p - 2 in {row.name}")
        return modp.power(pair.group, number, private).to_bytes(row.shared, "big")
    try:
        return ecp.shared(pair.group, private, peer_public)
    except ValueError:
        raise BadPublicValue(f"a public value that is not a point of {row.name}") from None
