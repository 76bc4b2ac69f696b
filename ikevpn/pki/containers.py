"""Certificates and CRLs out of the forms in which people hand them on, and into them. Pure."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12

from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret
from ikevpn.pki.reading import WRONG, check

_PEM = re.compile(
    rb"-----BEGIN (X509 )?(CERTIFICATE|PKCS7|CMS|X509 CRL|CRL)-----.*?-----END [A-Z0-9 ]+-----", re.DOTALL
)
A = TypeVar("A")
T = TypeVar("T")
Chain = tuple[x509.Certificate, ...]


def certificates(octets: bytes, passphrase: Secret | None = None) -> Chain:
    """Every certificate in PEM (any number), DER, PKCS#7 or PKCS#12, in their order. Raises ConfigError for none."""
    if b"-----BEGIN" in octets:
        found = [each for block in _PEM.finditer(octets) for each in _of_block(block)]
    else:
        found = list(_of_der(octets, passphrase))
    if not found:
        raise ConfigError("there is no certificate in it", reason="bad-certificate")
    return tuple(_attempt(check, each, _DAMAGED) for each in found)


def crl(octets: bytes) -> x509.CertificateRevocationList:
    """A CRL from PEM or DER. Raises ConfigError."""
    load = x509.load_pem_x509_crl if b"-----BEGIN" in octets else x509.load_der_x509_crl
    return _attempt(lambda each: check(load(each)), octets, "this is no CRL in PEM or DER, or it is damaged")


def pem(found: Iterable[x509.Certificate]) -> bytes:
    """One after the other, each with a line that says whose it is."""
    return b"".join(f"# {each.subject.rfc4514_string()}\n".encode() + each.public_bytes(Encoding.PEM) for each in found)


def _of_block(block: re.Match[bytes]) -> Iterable[x509.Certificate]:
    if block[2] == b"CERTIFICATE":
        return [_attempt(x509.load_pem_x509_certificate, block[0], _DAMAGED)]
    if block[2] in (b"PKCS7", b"CMS"):
        plain = block[0].replace(b"BEGIN CMS", b"BEGIN PKCS7").replace(b"END CMS", b"END PKCS7")
        return _attempt(_quietly(pkcs7.load_pem_pkcs7_certificates), plain, _DAMAGED)
    return ()


def _of_der(octets: bytes, passphrase: Secret | None) -> Iterable[x509.Certificate]:
    """DER does not say what it is: whatever reads it as a whole."""
    for load in (x509.load_der_x509_certificate, _quietly(pkcs7.load_der_pkcs7_certificates)):
        try:
            found = load(octets)
        except WRONG:
            continue
        return found if isinstance(found, list) else [found]
    try:
        bundle = pkcs12.load_pkcs12(octets, passphrase.reveal() if passphrase else None)
    except WRONG:
        raise ConfigError(_UNREADABLE, reason="bad-certificate") from None
    own = [bundle.cert.certificate] if bundle.cert else []
    return own + [each.certificate for each in bundle.additional_certs]


def _quietly(load: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Nobody sorts the set of certificates as DER wants it, openssl neither: not worth a warning to the user."""

    def loading(octets: bytes) -> T:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "PKCS#7 certificates could not be parsed as DER", UserWarning)
            return load(octets)

    return loading


_DAMAGED = "the certificate is damaged"
_UNREADABLE = (
    "this is no certificate in PEM, DER, PKCS#7 or PKCS#12, or it is damaged, or PKCS#12 with another passphrase"
)


def _attempt(load: Callable[[A], T], given: A, sentence: str) -> T:
    try:
        return load(given)
    except WRONG as error:
        raise ConfigError(f"{sentence} ({error})", reason="bad-certificate") from None
