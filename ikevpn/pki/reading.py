"""What `cryptography` raises for what it cannot read. It reads lazily: names, extensions and the key are parsed when
they are asked for, so whoever asks must expect errors, or have read the whole once (`check`).
"""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

WRONG = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    x509.DuplicateExtension,
)
Extended = x509.Certificate | x509.CertificateSigningRequest | x509.CertificateRevocationList
E = TypeVar("E", bound=x509.ExtensionType)
C = TypeVar("C", bound=Extended)


def extension(given: Extended, kind: type[E]) -> E | None:
    """None: there is none, or the extensions do not parse."""
    try:
        return given.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *WRONG):
        return None


def public_key(given: x509.Certificate | x509.CertificateSigningRequest) -> object:
    """None: of a kind that is not supported, or it does not parse."""
    try:
        return given.public_key()
    except WRONG:
        return None


def check(given: C) -> C:
    """The same, of which names, times and extensions do parse. Raises one of WRONG. The key may be of any kind."""
    list(given.extensions)
    if isinstance(given, x509.CertificateRevocationList):
        list(given.issuer), given.last_update_utc, given.next_update_utc
        for entry in given:
            list(entry.extensions)
        return given
    given.subject.public_bytes()
    if isinstance(given, x509.Certificate):
        given.issuer.public_bytes(), given.not_valid_before_utc, given.not_valid_after_utc
    return given
