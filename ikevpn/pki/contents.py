"""What a file holds, whatever it is: a private key, certificates, a CRL, a request, or several of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509

from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret
from ikevpn.pki import containers, keys, request
from ikevpn.pki.reading import public_key


@dataclass(frozen=True)
class Contents:
    """At least one of them is there."""

    key: keys.PrivateKey | None = None
    certificates: containers.Chain = ()
    crl: x509.CertificateRevocationList | None = None
    request: x509.CertificateSigningRequest | None = None


def read(octets: bytes, passphrase: Secret | None = None) -> Contents:
    """Raises ConfigError where it is nothing of the kind; WrongPassphrase where a key is in it and does not open."""
    key, found = _key(octets, passphrase)
    contents = Contents(key, found or _certificates(octets, passphrase), _crl(octets), _request(octets))
    if contents == Contents():
        raise ConfigError("this is no key, certificate, request or CRL, or it is damaged", reason="bad-file")
    return contents


def chain(
    certificates: Iterable[x509.Certificate], key: keys.PrivateKey | None
) -> tuple[containers.Chain, containers.Chain]:
    """Certificates in order: that of the key (else the first that is nobody's issuer), then the issuer of each; and
    the others, among them the root.
    """
    rest = list(dict.fromkeys(certificates))
    own = _own(rest, key)
    if own is None:
        return (), tuple(rest)
    ordered = [own]
    rest.remove(own)
    while (above := next((each for each in rest if _issued(each, ordered[-1])), None)) is not None:
        if above.subject == above.issuer:
            break
        ordered.append(above)
        rest.remove(above)
    return tuple(ordered), tuple(rest)


def belongs(certificate: x509.Certificate, key: keys.PrivateKey) -> bool:
    """Whether the certificate is for this key."""
    return public_key(certificate) == key.public_key()


def _own(found: list[x509.Certificate], key: keys.PrivateKey | None) -> x509.Certificate | None:
    if key is not None:
        return next((each for each in found if belongs(each, key)), None)
    issuers = {each.issuer for each in found if each.issuer != each.subject}
    return next((each for each in found if each.subject not in issuers), found[0] if found else None)


def _issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    return above.subject == below.issuer and above is not below


def _key(octets: bytes, passphrase: Secret | None) -> tuple[keys.PrivateKey | None, containers.Chain]:
    try:
        return keys.read(octets, passphrase)
    except keys.WrongPassphrase:
        raise
    except ConfigError as error:
        if error.reason == "unsupported-key":
            raise
        return None, ()


def _certificates(octets: bytes, passphrase: Secret | None) -> containers.Chain:
    try:
        return containers.certificates(octets, passphrase)
    except ConfigError:
        return ()


def _crl(octets: bytes) -> x509.CertificateRevocationList | None:
    try:
        return containers.crl(octets)
    except ConfigError:
        return None


def _request(octets: bytes) -> x509.CertificateSigningRequest | None:
    try:
        return request.read(octets)
    except ConfigError:
        return None
