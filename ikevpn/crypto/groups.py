"""Diffie-Hellman key exchange in every group we know, as octets on the wire.

The one place where a peer's public value is judged. Values and secrets have the group's full width, with zeros in
front. Randomness is passed in, and nothing here remembers a private value: whoever holds the pair does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from ikevpn.crypto.curve25519 import Curve25519
from ikevpn.crypto.ecp import ECP
from ikevpn.crypto.modp import MODP
from ikevpn.crypto.tables import group_row
from ikevpn.errors import Refused, UsageError
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import Group, NotifyType


class BadPublicValue(Refused):
    """The peer's public value is none of the group, or would give the shared secret away (RFC 2412 §5, RFC 6989)."""

    reason = "bad-public-value"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, notify=NotifyType.INVALID_KEY_INFORMATION)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Our half of an exchange: the private value, and the public one as it stands in the KE payload."""

    group: Group
    private: Secret
    public: bytes


class _Arithmetic(Protocol):
    """What a kind of group can do. `shared` raises ValueError for a peer's value of the right length that is none."""

    @property
    def private_end(self) -> int: ...
    def private(self, entropy: Callable[[int], bytes]) -> bytes: ...
    def public(self, private: bytes) -> bytes: ...
    def shared(self, private: bytes, peer_public: bytes) -> bytes: ...


_ARITHMETIC: Mapping[Group, _Arithmetic] = MappingProxyType({**MODP, **ECP, Group.CURVE25519: Curve25519()})


def generate(group: Group, entropy: Callable[[int], bytes]) -> KeyPair:
    """A fresh pair; `entropy(n)` gives n random octets. Raises UsageError for a group that we do not know."""
    group_row(group)
    return from_private(group, _ARITHMETIC[group].private(entropy))


def from_private(group: Group, private: bytes) -> KeyPair:
    """The pair of a private value, big-endian, to replay a transcript. Raises UsageError where there is none."""
    row = group_row(group)
    arithmetic = _ARITHMETIC[group]
    if not 0 < int.from_bytes(private, "big") < arithmetic.private_end:
        raise UsageError(f"the private value is out of range for {row.name}")
    return KeyPair(group, Secret(private), arithmetic.public(private))


def shared(pair: KeyPair, peer_public: bytes) -> bytes:
    """g^xy, `GroupRow.shared` octets. Raises BadPublicValue for a wrong length, 0, 1, p-1, p and above, no point."""
    row = group_row(pair.group)
    if len(peer_public) != row.public:
        raise BadPublicValue(f"the peer's public value has {len(peer_public)} octets, {row.name} needs {row.public}")
    try:
        return _ARITHMETIC[pair.group].shared(pair.private.reveal(), peer_public)
    except ValueError:
        raise BadPublicValue(f"the peer's public value is none of {row.name}") from None
