"""Certificates, requests and CRLs in words: rows of a label and what belongs to it. Pure; for people and for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, SignatureAlgorithmOID

from ikevpn.model.identity import Identity
from ikevpn.pki import keys
from ikevpn.pki.certified import alternative_names
from ikevpn.pki.issue import is_authority
from ikevpn.pki.reading import extension, public_key
from ikevpn.wire.registry import IdType

NO_NAME = "(none)"
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
_KINDS = {
    x509.DNSName: "host name",
    x509.RFC822Name: "e-mail",
    x509.IPAddress: "address",
    x509.UniformResourceIdentifier: "URI",
    x509.RegisteredID: "registered ID",
}
_SIGNATURES = {
    SignatureAlgorithmOID.RSA_WITH_MD5: "RSA with MD5",
    SignatureAlgorithmOID.RSA_WITH_SHA1: "RSA with SHA-1",
    SignatureAlgorithmOID.RSA_WITH_SHA224: "RSA with SHA-224",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "RSA with SHA-256",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "RSA with SHA-384",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "RSA with SHA-512",
    SignatureAlgorithmOID.RSASSA_PSS: "RSA-PSS",
    SignatureAlgorithmOID.DSA_WITH_SHA1: "DSA with SHA-1",
    SignatureAlgorithmOID.DSA_WITH_SHA224: "DSA with SHA-224",
    SignatureAlgorithmOID.DSA_WITH_SHA256: "DSA with SHA-256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA1: "ECDSA with SHA-1",
    SignatureAlgorithmOID.ECDSA_WITH_SHA224: "ECDSA with SHA-224",
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ECDSA with SHA-256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ECDSA with SHA-384",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "ECDSA with SHA-512",
    SignatureAlgorithmOID.ED25519: "Ed25519",
    SignatureAlgorithmOID.ED448: "Ed448",
}
Of = x509.Certificate | x509.CertificateSigningRequest


class Row(NamedTuple):
    """`label` is for people and, with underscores, the key in JSON."""

    label: str
    value: str | list[str]


def name(given: x509.Name) -> str:
    """As it is written in the configuration."""
    return str(Identity(IdType.DN, given.public_bytes())) if list(given) else NO_NAME


def fingerprint(certificate: x509.Certificate, digest: hashes.HashAlgorithm) -> str:
    """Pairs of hex digits with colons between, as everybody shows them."""
    return certificate.fingerprint(digest).hex(":").upper()


def certificate(given: x509.Certificate, now: datetime) -> list[Row]:
    """What people ask of a certificate."""
    return [
        Row("subject", name(given.subject)),
        Row("issuer", name(given.issuer)),
        Row("names", _names(alternative_names(given))),
        Row("serial number", f"{given.serial_number:x}"),
        Row("valid from", _time(given.not_valid_before_utc)),
        Row("valid until", f"{_time(given.not_valid_after_utc)} ({validity(given, now)})"),
        Row("key", _key(given)),
        Row("signed with", _signed_with(given)),
        Row("authority", "yes" if is_authority(given) else "no"),
        Row("key usage", _uses(given)),
        Row("CRL at", list(crl_urls(given))),
        Row("OCSP at", list(ocsp_urls(given))),
        Row("SHA-1 fingerprint", fingerprint(given, hashes.SHA1())),  # noqa: S303 - what old gateways show
        Row("SHA-256 fingerprint", fingerprint(given, hashes.SHA256())),
    ]


def request(given: x509.CertificateSigningRequest) -> list[Row]:
    """What a request asks for."""
    return [
        Row("subject", name(given.subject)),
        Row("names", _names(tuple(extension(given, x509.SubjectAlternativeName) or ()))),
        Row("key", _key(given)),
    ]


def crl(given: x509.CertificateRevocationList) -> list[Row]:
    """Of whom, when, and how many are in it."""
    until = given.next_update_utc
    return [
        Row("issuer", name(given.issuer)),
        Row("issued at", _time(given.last_update_utc)),
        Row("next update", _time(until) if until else "not said"),
        Row("revoked", [f"{each.serial_number:x} at {_time(each.revocation_date_utc)}" for each in given]),
    ]


def validity(given: x509.Certificate, now: datetime) -> str:
    """`312 days left`, `expired 3 days ago`, `valid in 2 days`."""
    if now < given.not_valid_before_utc:
        return f"valid in {_days((given.not_valid_before_utc - now).days)}"
    left = given.not_valid_after_utc - now
    if now > given.not_valid_after_utc:
        return f"expired {_days(-left.days - 1)} ago"
    return f"{_days(left.days)} left"


def crl_urls(given: x509.Certificate) -> Iterator[str]:
    """Where the certificate says that the CRL is."""
    for point in extension(given, x509.CRLDistributionPoints) or ():
        for each in point.full_name or ():
            if isinstance(each, x509.UniformResourceIdentifier):
                yield each.value


def ocsp_urls(given: x509.Certificate) -> Iterator[str]:
    """Where the certificate says that the responder is."""
    for each in extension(given, x509.AuthorityInformationAccess) or ():
        location = each.access_location
        is_ocsp = each.access_method == AuthorityInformationAccessOID.OCSP
        if is_ocsp and isinstance(location, x509.UniformResourceIdentifier):
            yield location.value


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"


def _time(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _names(found: tuple[x509.GeneralName, ...]) -> list[str]:
    return [_general_name(each) for each in found]


def _general_name(given: x509.GeneralName) -> str:
    if isinstance(given, x509.DirectoryName):
        return f"directory name {name(given.value)}"
    if isinstance(given, x509.OtherName):
        return f"other name {given.type_id.dotted_string}"
    value = given.value
    text = value.dotted_string if isinstance(value, x509.ObjectIdentifier) else str(value)
    return f"{_KINDS[type(given)]} {''.join(each if each.isprintable() else '?' for each in text)}"


def _key(given: Of) -> str:
    key = public_key(given)
    return keys.describe(key) if isinstance(key, keys.PublicKey) else "of a kind that IKEv1 has no signature for"


def _signed_with(given: x509.Certificate) -> str:
    oid = given.signature_algorithm_oid
    return _SIGNATURES.get(oid, oid.dotted_string)


def _uses(given: x509.Certificate) -> list[str]:
    usage = extension(given, x509.KeyUsage)
    return [use.replace("_", " ") for use in _USES if getattr(usage, use)] if usage is not None else []
