"""What a peer has proved itself with."""

from __future__ import annotations

from dataclasses import dataclass, field

from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import Auth


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a signature has shown: the key (SubjectPublicKeyInfo), the identities (folded) that its certificate is for,
    and the authorities that vouch for it (`Authority.trust`).
    """

    key: bytes
    identities: frozenset[Identity] = frozenset()
    authorities: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Credential:
    """A key and the method that it belongs to. Who says the same and has another one is somebody else.

    With signatures `key` stands for who is believed, the peer's own key or its authorities: a peer whose certificate is
    renewed stays who it is. `evidence` is there as soon as it has proved itself.
    """

    auth: Auth
    key: Secret
    evidence: Evidence | None = field(default=None, compare=False)
