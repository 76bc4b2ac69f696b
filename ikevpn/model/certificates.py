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


class Revocation(StrEnum):
    """What becomes of a certificate of which it cannot be told whether it was revoked."""

    STRICT = "strict"  # it is refused
    BEST_EFFORT = "best-effort"  # it is accepted
    NONE = "none"  # nobody asks


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may vouch for a peer. `name` is the subject, by which we ask for a certificate; `crls` are names of files."""

    certificate: bytes
    name: bytes
    revocation: Revocation = Revocation.NONE
    crls: tuple[str, ...] = ()

    @property
    def trust(self) -> bytes:
        """What an answer says that it vouches: the same authority, believed under another condition, is another one."""
        if self.revocation is Revocation.NONE:
            return self.certificate
        return self.certificate + "\0".join((self.revocation, *self.crls)).encode()
