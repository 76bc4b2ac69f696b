"""What a tunnel says of keys and certificates: with what we prove ourselves, and whom we believe. All DER, parsed by
`pki`.

Never holds a private key: whoever has those is asked to sign, by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ikevpn.model.identity import Identity
from ikevpn.wire.registry import Auth


class SendCertificate(StrEnum):
    """When the peer is sent our certificate."""

    ALWAYS = "always"
    ON_REQUEST = "on-request"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key of ours, by the name under which signatures are asked for.

    `chain`: our certificate and what leads from it to the authority, which itself is not sent. `issuers`: the names of
    all authorities above the certificate. `identity`: who we are with it, unless the tunnel says.
    """

    name: str
    auth: Auth
    chain: tuple[bytes, ...] = ()
    issuers: tuple[bytes, ...] = ()
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may vouch for a peer. `name` is the subject, by which we ask for a certificate."""

    certificate: bytes
    name: bytes
