"""Certificates that we sign ourselves: self-signed ones, and those of a small authority for labs. Pure.

Authorities follow RFC 5280 §4.2, ends of IKE RFC 4945 §5.1: no extended key usage, for there is none that all peers
understand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from ikevpn.errors import ConfigError
from ikevpn.pki.keys import PrivateKey, PublicKey, digest_for
from ikevpn.pki.reading import extension
from ikevpn.pki.request import usage

SKEW = timedelta(minutes=5)
"""So far behind may the clocks be of those who look at a new certificate."""


@dataclass(frozen=True)
class Subject:
    """Whose certificate, and what it says of where its status is found."""

    name: x509.Name
    key: PublicKey
    names: x509.SubjectAlternativeName | None = None
    authority: bool = False
    encipherment: bool = False  # the key decrypts, too
    depth: int | None = None  # of authorities that may be below it; None: any number
    crl_url: str = ""
    ocsp_url: str = ""


@dataclass(frozen=True)
class Issuer:
    """Who signs."""

    certificate: x509.Certificate
    key: PrivateKey

    def __post_init__(self) -> None:
        if self.certificate.public_key() != self.key.public_key():
            raise ConfigError("the private key is not that of the certificate", reason="key-mismatch")


def self_signed(key: PrivateKey, subject: Subject, now: datetime, lasting: timedelta, serial: int) -> x509.Certificate:
    """A certificate for `subject`, whose key this is, signed by itself."""
    return _builder(subject, subject.name, key.public_key(), None, now, lasting, serial).sign(key, digest_for(key))


def issue(
    issuer: Issuer,
    subject: Subject,
    now: datetime,
    lasting: timedelta,
    serial: int,
) -> x509.Certificate:
    """A certificate signed by an authority. Raises ConfigError where that is none, or ends before the certificate."""
    if not is_authority(issuer.certificate):
        whose = issuer.certificate.subject.rfc4514_string()
        raise ConfigError(f"{whose} is not an authority: its certificate may sign no other", reason="no-authority")
    end = issuer.certificate.not_valid_after_utc
    if now + lasting > end:
        if now >= end:
            raise ConfigError(f"the authority's certificate expired at {end:%Y-%m-%d %H:%M} UTC", reason="expired")
        lasting = end - now  # beyond it nobody could verify the certificate
    above, key = issuer.certificate.subject, issuer.certificate.public_key()
    made = _builder(subject, above, key, issuer.certificate, now, lasting, serial)
    return made.sign(issuer.key, digest_for(issuer.key))


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether basic constraints say so."""
    found = extension(certificate, x509.BasicConstraints)
    return found is not None and found.ca


def _builder(
    subject: Subject,
    issuer: x509.Name,
    issuer_key: object,
    above: x509.Certificate | None,
    now: datetime,
    lasting: timedelta,
    serial: int,
) -> x509.CertificateBuilder:
    if not list(subject.name) and (subject.names is None or subject.authority):
        raise ConfigError("a certificate needs a subject or a name, and an authority a subject", reason="bad-name")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.name)
        .issuer_name(issuer)
        .public_key(subject.key)
        .serial_number(serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lasting)
        .add_extension(x509.BasicConstraints(subject.authority, subject.depth), critical=True)
        .add_extension(usage(subject.authority, subject.encipherment), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key), critical=False)
        .add_extension(authority_key(issuer_key, above), critical=False)
    )
    if subject.names is not None:
        builder = builder.add_extension(subject.names, critical=not list(subject.name))
    return _with_status(builder, subject)


def _with_status(builder: x509.CertificateBuilder, subject: Subject) -> x509.CertificateBuilder:
    """Where CRL and OCSP responder are."""
    if subject.crl_url:
        where = x509.DistributionPoint([x509.UniformResourceIdentifier(subject.crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([where]), critical=False)
    if subject.ocsp_url:
        place = x509.UniformResourceIdentifier(subject.ocsp_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder


def authority_key(key: object, certificate: x509.Certificate | None) -> x509.AuthorityKeyIdentifier:
    """The subjectKeyIdentifier of the issuer, whatever rule it was made by."""
    found = extension(certificate, x509.SubjectKeyIdentifier) if certificate is not None else None
    if found is not None:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)  # type: ignore[arg-type]
