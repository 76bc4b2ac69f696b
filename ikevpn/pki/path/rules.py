"""What each certificate of a path has to fulfil, one row a rule (RFC 5280 §6.1.3, §6.1.4; RFC 4945 §5.1.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from ikevpn.errors import PeerError
from ikevpn.pki.reading import WRONG, public_key

_NO_LIMIT = 1 << 16
_SHORTEST_KEY = 1024  # of old gateways' authorities; shorter ones have been factored in public
E = TypeVar("E", bound=x509.ExtensionType)


class Untrusted(PeerError):
    """Nobody vouches for a certificate; `rule` says which one it breaks."""

    def __init__(self, rule: str, sentence: str) -> None:
        super().__init__(sentence, reason=rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Place:
    """A certificate in a path: when it is looked at, and how many authorities are between it and the peer's own.

    Those that issued themselves do not count for the length of a path (RFC 5280 §4.2.1.9). None: it is the peer's own.
    """

    certificate: x509.Certificate
    at: datetime
    below: int | None
    believed: bool = False  # an authority of ours, of whom little is asked: old ones have no extensions


Rule = Callable[[Place], str]
"""What is wrong, in words that follow the name of the certificate; empty: nothing."""


def check(place: Place) -> None:
    """Raises Untrusted for the first rule that is broken."""
    whose = f"the certificate of {name(place.certificate)}"
    for rule, broken in _OF_ANCHORS if place.believed else _RULES:
        try:
            wrong = broken(place)
        except WRONG as error:
            raise Untrusted("malformed", f"{whose} does not parse: {error}") from None
        if wrong:
            raise Untrusted(rule, f"{whose} {wrong}")


def name(certificate: x509.Certificate) -> str:
    """The subject, for people."""
    try:
        return certificate.subject.rfc4514_string() or "nobody"
    except WRONG:
        return "a name that does not parse"


def _expired(place: Place) -> str:
    end = place.certificate.not_valid_after_utc
    return f"expired on {end:%Y-%m-%d %H:%M} UTC; the clock of this host says {_now(place)}" if place.at > end else ""


def _not_yet_valid(place: Place) -> str:
    start = place.certificate.not_valid_before_utc
    if place.at >= start:
        return ""
    return f"is not valid before {start:%Y-%m-%d %H:%M} UTC; the clock of this host says {_now(place)}"


def _now(place: Place) -> str:
    return f"{place.at:%Y-%m-%d %H:%M} UTC"


def _critical(place: Place) -> str:
    unknown = [each.oid for each in place.certificate.extensions if each.critical and each.oid not in _UNDERSTOOD]
    return f"has a critical extension that is not understood ({unknown[0].dotted_string})" if unknown else ""


def _constrained(place: Place) -> str:
    """Whoever limits the names below it must not be believed without regard to that."""
    found = _extension(place, x509.NameConstraints)
    return "limits the names below it (nameConstraints), which is not supported" if found is not None else ""


def _not_an_authority(place: Place) -> str:
    if place.below is None:
        return ""
    found = _extension(place, x509.BasicConstraints)
    if found is None or not found.ca:
        return "issued another one, and is not that of an authority (basicConstraints)"
    most = _NO_LIMIT if found.path_length is None else found.path_length
    return f"allows a path of {most} more authorities, and there are {place.below}" if place.below > most else ""


def _usage(place: Place) -> str:
    """RFC 4945 §5.1.3.2: who signs in IKE has digitalSignature or nonRepudiation, where it has a key usage at all."""
    found = _extension(place, x509.KeyUsage)
    if found is None:
        return ""
    if place.below is not None:
        return "" if found.key_cert_sign else "issued another one, which its key usage does not allow (keyCertSign)"
    signs = found.digital_signature or found.content_commitment
    return "" if signs else "does not allow signatures (its key usage has no digitalSignature)"


def _purpose(place: Place) -> str:
    """RFC 4945 §5.1.3.12: other purposes than those of IPsec matter only where the extension is critical."""
    if place.below is not None:
        return ""
    try:
        found = place.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return ""
    fits = set(found.value) & _PURPOSES
    return "is for other purposes than IKE (extendedKeyUsage)" if found.critical and not fits else ""


def _digest(place: Place) -> str:
    found = place.certificate.signature_hash_algorithm
    return "is signed with MD5, which can be forged" if isinstance(found, hashes.MD5) else ""


def _short_key(place: Place) -> str:
    """Of authorities alone: whoever finds out the key of one speaks for every peer, of a peer for that one."""
    key = public_key(place.certificate)
    if place.below is None or not isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return ""
    short = key.key_size < _SHORTEST_KEY
    return f"has a key of {key.key_size} bits; authorities need {_SHORTEST_KEY} or more" if short else ""


def _extension(place: Place, kind: type[E]) -> E | None:
    try:
        return place.certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


_PURPOSES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.IPSEC_IKE,  # RFC 4945 §5.1.3.12
    x509.ObjectIdentifier("1.3.6.1.5.5.8.2.2"),  # iKEIntermediate: Windows, macOS
    *(x509.ObjectIdentifier(f"1.3.6.1.5.5.7.3.{number}") for number in (5, 6, 7)),  # IPsec, of RFC 2459
}
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.NAME_CONSTRAINTS,
    ExtensionOID.CERTIFICATE_POLICIES,  # any policy is accepted
}
_OF_ANCHORS: tuple[tuple[str, Rule], ...] = (
    ("expired", _expired),  # RFC 5280 §6.1.3 (a)(2)
    ("not-yet-valid", _not_yet_valid),
    ("weak-key", _short_key),  # NIST SP 800-131A §3, for RSA; the same for DSA
)
_RULES: tuple[tuple[str, Rule], ...] = (
    *_OF_ANCHORS,
    ("weak-signature", _digest),  # RFC 6151
    ("critical-extension", _critical),  # RFC 5280 §6.1.4 (o), §6.1.5 (f)
    ("name-constraints", _constrained),  # RFC 5280 §6.1.3 (b), (c)
    ("not-an-authority", _not_an_authority),  # RFC 5280 §6.1.4 (k) to (m)
    ("key-usage", _usage),  # RFC 5280 §6.1.4 (n), RFC 4945 §5.1.3.2
    ("wrong-purpose", _purpose),  # RFC 4945 §5.1.3.12
)
