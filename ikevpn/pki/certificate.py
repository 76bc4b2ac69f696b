"""A certificate out of octets that anybody may have sent: read as a whole, so that who has one need fear no error."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key, pkcs7

from ikevpn.crypto.signatures import PublicKey
from ikevpn.errors import PeerError
from ikevpn.model.identity import Identity
from ikevpn.pki import certified
from ikevpn.pki.reading import WRONG

_MOST_OCTETS = 32768
_MOST_IN_BUNDLE = 16


class BadCertificate(PeerError):
    """It does not parse, or its key is of a kind that IKE has no signature for."""

    reason = "bad-certificate"


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """What IKE asks of a certificate; `x509` for those who check more. `identities`: all that it is for, folded."""

    der: bytes
    x509: x509.Certificate
    subject: bytes
    issuer: bytes
    key: PublicKey
    key_info: bytes  # SubjectPublicKeyInfo
    identities: frozenset[Identity]

    @classmethod
    def read(cls, der: bytes) -> Certificate:
        """Raises BadCertificate and nothing else."""
        if len(der) > _MOST_OCTETS:
            raise BadCertificate(f"a certificate of {len(der)} octets is longer than any that is used")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return cls._read(der)
        except WRONG as error:
            raise BadCertificate(f"a certificate does not parse: {error}") from None

    @classmethod
    def _read(cls, der: bytes) -> Certificate:
        found = x509.load_der_x509_certificate(der)
        names = frozenset(each.folded for each in certified.identities(found))
        key = _usable(found.public_key())
        subject, issuer = found.subject.public_bytes(), found.issuer.public_bytes()
        return cls(der, found, subject, issuer, key, key_info(key), names)

    def __repr__(self) -> str:
        return f"<certificate of {self.x509.subject.rfc4514_string()}>"


def bundle(der: bytes) -> tuple[Certificate, ...]:
    """The certificates of PKCS#7, as Windows sends its intermediates. Raises BadCertificate and nothing else."""
    if len(der) > _MOST_OCTETS:
        raise BadCertificate(f"PKCS#7 of {len(der)} octets is longer than any that is used")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = pkcs7.load_der_pkcs7_certificates(der)
            octets = [each.public_bytes(Encoding.DER) for each in found[:_MOST_IN_BUNDLE]]
    except WRONG as error:
        raise BadCertificate(f"PKCS#7 does not parse: {error}") from None
    return tuple(Certificate.read(each) for each in octets)


def key_info(key: PublicKey) -> bytes:
    """By what a key is known: its SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_key(info: bytes) -> PublicKey:
    """The key of a SubjectPublicKeyInfo. Raises BadCertificate."""
    try:
        return _usable(load_der_public_key(info))
    except WRONG as error:
        raise BadCertificate(f"a public key does not parse: {error}") from None


def _usable(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey):
        return key
    raise ValueError("IKEv1 has signatures for RSA, DSA and ECDSA keys only")
