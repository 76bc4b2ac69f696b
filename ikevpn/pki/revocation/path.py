"""Whether anything in a path was revoked, and what that means for an authority that is believed so or so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from cryptography import x509

from ikevpn.model.certificates import Revocation
from ikevpn.pki.path.rules import Untrusted, name
from ikevpn.pki.revocation.crl import Crl, Status, look_up


def check(
    path: Sequence[x509.Certificate], lists: Sequence[Crl], revocation: Revocation, at: datetime
) -> tuple[str, ...]:
    """Each certificate of a path but the authority at its end. Raises Untrusted; else what could not be told.

    `path` is one that is valid otherwise: each certificate has signed the one before it.
    """
    if revocation is Revocation.NONE:
        return ()
    untold = []
    for certificate, issuer in pairwise(path):
        verdict = look_up(certificate, [issuer], lists, at)
        sentence = f"the certificate of {name(certificate)} {verdict.sentence}"
        if verdict.status is Status.REVOKED:
            raise Untrusted("revoked", sentence)
        if verdict.status is Status.UNKNOWN:
            if revocation is Revocation.STRICT:
                raise Untrusted("revocation-unknown", f"{sentence}, so that it may be revoked")
            untold.append(sentence)
    return tuple(untold)
