"""Whether a key has signed a certificate or a CRL.

`cryptography` can do that itself (`verify_directly_issued_by`, `is_signature_valid`), but not for SHA-1 and MD5, which
old gateways and their authorities still use. Whether such a signature is good enough is not decided here.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from ikevpn.pki.reading import WRONG

Signed = x509.Certificate | x509.CertificateRevocationList
_KINDS: dict[x509.ObjectIdentifier, type] = {
    **dict.fromkeys(
        (
            SignatureAlgorithmOID.RSA_WITH_MD5,  # RFC 8017 appendix A.2.4
            SignatureAlgorithmOID.RSA_WITH_SHA1,
            SignatureAlgorithmOID.RSA_WITH_SHA224,
            SignatureAlgorithmOID.RSA_WITH_SHA256,
            SignatureAlgorithmOID.RSA_WITH_SHA384,
            SignatureAlgorithmOID.RSA_WITH_SHA512,
            SignatureAlgorithmOID.RSASSA_PSS,
        ),
        rsa.RSAPublicKey,
    ),
    **dict.fromkeys(
        (
            SignatureAlgorithmOID.DSA_WITH_SHA1,  # RFC 3279 §2.2.2
            SignatureAlgorithmOID.DSA_WITH_SHA224,  # RFC 5758 §3.1
            SignatureAlgorithmOID.DSA_WITH_SHA256,
        ),
        dsa.DSAPublicKey,
    ),
    **dict.fromkeys(
        (
            SignatureAlgorithmOID.ECDSA_WITH_SHA1,  # RFC 3279 §2.2.3
            SignatureAlgorithmOID.ECDSA_WITH_SHA224,  # RFC 5758 §3.2
            SignatureAlgorithmOID.ECDSA_WITH_SHA256,
            SignatureAlgorithmOID.ECDSA_WITH_SHA384,
            SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        ),
        ec.EllipticCurvePublicKey,
    ),
    SignatureAlgorithmOID.ED25519: ed25519.Ed25519PublicKey,  # RFC 8410 §3
    SignatureAlgorithmOID.ED448: ed448.Ed448PublicKey,
}
"""Which kind of key belongs to which algorithm."""


def is_signed_by(given: Signed, key: object) -> bool:
    """False too where the algorithm is not supported or does not fit the key. Never raises."""
    try:
        kind = _KINDS.get(given.signature_algorithm_oid)
        if kind is None or not isinstance(key, kind):
            return False
        octets = given.tbs_certificate_bytes if isinstance(given, x509.Certificate) else given.tbs_certlist_bytes
        _verify(given, key, octets)
    except (InvalidSignature, *WRONG):
        return False
    return True


def _verify(given: Signed, key: object, octets: bytes) -> None:
    digest = given.signature_hash_algorithm
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(given.signature, octets)
    elif digest is None:
        raise InvalidSignature
    elif isinstance(key, rsa.RSAPublicKey):
        chosen = given.signature_algorithm_parameters if isinstance(given, x509.Certificate) else None
        pad = chosen if isinstance(chosen, padding.PSS) else padding.PKCS1v15()
        key.verify(given.signature, octets, pad, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(given.signature, octets, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(given.signature, octets, digest)
