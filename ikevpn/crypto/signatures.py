"""Signatures over HASH_I and HASH_R, one row a method (RFC 2409 §5.1, RFC 4754): with keys of `cryptography`, and in
the form in which they travel.

RSA signs the bare hash, PKCS #1 v1.5 without the name of the hash algorithm; DSA and ECDSA write r and s in fixed
width, not as DER.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from ikevpn.errors import NotAuthentic
from ikevpn.wire.registry import Auth, Hash

PublicKey = rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey

_MOST_RSA_BITS = 8192
_MOST_EXPONENT_BITS = 64
_MOST_DSA_BITS = 4096
"""Larger keys, and longer exponents, are not used: a stranger chooses its key, and each check costs us so much more."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one method signs. `hash` is that of HASH_I and HASH_R, where the method says which: else the negotiated one.

    `curve` is the one that the method is for.
    """

    auth: Auth
    hash: Hash | None = None
    digest: hashes.HashAlgorithm | None = None
    curve: str = ""


SCHEMES = {
    row.auth: row
    for row in (
        Scheme(Auth.RSA_SIGNATURE),  # RFC 2409 §5.1
        Scheme(Auth.DSS_SIGNATURE, Hash.SHA1, hashes.SHA1()),  # RFC 2409 §5.1  # noqa: S303
        Scheme(Auth.ECDSA_P256, Hash.SHA2_256, hashes.SHA256(), "secp256r1"),  # RFC 4754 §4
        Scheme(Auth.ECDSA_P384, Hash.SHA2_384, hashes.SHA384(), "secp384r1"),  # RFC 4754 §5
        Scheme(Auth.ECDSA_P521, Hash.SHA2_512, hashes.SHA512(), "secp521r1"),  # RFC 4754 §6
    )
}
_BY_CURVE = {row.curve: row.auth for row in SCHEMES.values() if row.curve}


def method_of(key: PublicKey | PrivateKey) -> Auth | None:
    """By which method a key signs; None: by none of IKEv1's, or it is larger than we use."""
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return Auth.RSA_SIGNATURE if key.key_size <= _MOST_RSA_BITS else None
    if isinstance(key, dsa.DSAPublicKey | dsa.DSAPrivateKey):
        return Auth.DSS_SIGNATURE if key.key_size <= _MOST_DSA_BITS else None
    return _BY_CURVE.get(key.curve.name)


def sign(key: PrivateKey, hashed: bytes) -> bytes:
    """The body of a signature payload over HASH_I or HASH_R."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(hashed, padding.PKCS1v15(), NoDigestInfo())
    auth = method_of(key)
    digest = SCHEMES[auth].digest if auth is not None else None
    assert digest is not None
    if isinstance(key, dsa.DSAPrivateKey):
        r, s = decode_dss_signature(key.sign(hashed, Prehashed(digest)))
    else:
        r, s = decode_dss_signature(key.sign(hashed, ec.ECDSA(Prehashed(digest))))
    width = _width(key)
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def verify(key: PublicKey, auth: Auth, hashed: bytes, signature: bytes) -> None:
    """Raises NotAuthentic where a signature is not that of this key by this method."""
    if method_of(key) != auth:
        raise NotAuthentic(f"the peer's key is none for {auth.label}", reason="bad-signature")
    try:
        _verify(key, SCHEMES[auth], hashed, signature)
    except (InvalidSignature, ValueError):
        raise NotAuthentic("the peer's signature does not verify", reason="bad-signature") from None


def _verify(key: PublicKey, scheme: Scheme, hashed: bytes, signature: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if key.public_numbers().e.bit_length() > _MOST_EXPONENT_BITS:
            raise ValueError
        if not hmac.compare_digest(
            key.recover_data_from_signature(signature, padding.PKCS1v15(), NoDigestInfo()), hashed
        ):
            raise ValueError
        return
    assert scheme.digest is not None
    width = _width(key)
    if len(signature) != 2 * width:
        raise ValueError
    r, s = int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
    der, digest = encode_dss_signature(r, s), Prehashed(scheme.digest)
    if isinstance(key, dsa.DSAPublicKey):
        key.verify(der, hashed, digest)
    else:
        key.verify(der, hashed, ec.ECDSA(digest))


def _width(key: PublicKey | PrivateKey) -> int:
    """Octets of r, and of s: as many as q has, or the order of the curve."""
    if isinstance(key, dsa.DSAPublicKey | dsa.DSAPrivateKey):
        return (key.parameters().parameter_numbers().q.bit_length() + 7) // 8
    assert isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey)
    return (key.curve.key_size + 7) // 8
