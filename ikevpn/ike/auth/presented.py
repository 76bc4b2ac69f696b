"""What a peer presents beside its signature: certificates singly or in PKCS#7, and CRLs (RFC 2408 §3.9, RFC 4945 §3.3).

Nothing here is believed: whoever can make the keys of phase 1 may present what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.errors import NotAuthentic
from ikevpn.model.identity import Identity
from ikevpn.pki import certificate
from ikevpn.pki.certificate import BadCertificate
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Certificate as CertificatePayload
from ikevpn.wire.registry import CertificateEncoding

_MOST = 16
"""Certificates that are read, and CRLs that are handed on; a path has some eight at most."""


@dataclass(frozen=True, slots=True)
class Presented:
    """`leaf` is the peer's own certificate, None where there is none; `others` are DER."""

    leaf: certificate.Certificate | None
    others: tuple[bytes, ...]
    crls: tuple[bytes, ...]


def read(chain: Chain, identity: Identity) -> Presented:
    """The peer's own certificate is the one for its identity, else the first (RFC 4945 §3.3.10.1).

    One that does not parse does not matter beside others. Raises NotAuthentic where there is no other.
    """
    found: list[certificate.Certificate] = []
    crls: list[bytes] = []
    failure: BadCertificate | None = None
    for payload in chain.all(CertificatePayload)[:_MOST]:
        if payload.encoding in (CertificateEncoding.CRL, CertificateEncoding.ARL):
            crls.append(payload.data)
            continue
        try:
            found += _certificates(payload)
        except BadCertificate as error:
            failure = error
    if not found and failure is not None:
        raise NotAuthentic(str(failure), reason=BadCertificate.reason)
    found = found[:_MOST]
    named = (each for each in found if identity.folded in each.identities)
    leaf = next(named, found[0] if found else None)
    return Presented(leaf, tuple(each.der for each in found if each is not leaf), tuple(crls))


def _certificates(payload: CertificatePayload) -> tuple[certificate.Certificate, ...]:
    """Of an encoding that we do not know, none."""
    if payload.encoding == CertificateEncoding.X509_SIGNATURE:
        return (certificate.Certificate.read(payload.data),)
    if payload.encoding == CertificateEncoding.PKCS7:
        return certificate.bundle(payload.data)
    return ()
