"""Whether a CRL says that a certificate was revoked (RFC 5280 §6.3.3): complete lists, by the authority itself.

Indirect lists and deltas are not used: what they would say stays unknown, which is the caller's to judge. Every rule
that a list breaks has its sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from ikevpn.pki.issue import is_authority
from ikevpn.pki.names import same_name
from ikevpn.pki.reading import WRONG, extension, public_key
from ikevpn.pki.signature import is_signed_by

Crl = x509.CertificateRevocationList


_ALL_REASONS = frozenset(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}
"""RFC 5280 §4.2.1.13: the two others have no bit."""


_CRITICAL = b"\x01\x01\xff"
"""TRUE in DER, which every critical extension has."""


class Status(StrEnum):
    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` says why, in words that follow the name of the certificate."""

    status: Status
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """One certificate, and who may have signed a list about it."""

    certificate: x509.Certificate
    signers: Sequence[x509.Certificate]
    at: datetime


def look_up(
    certificate: x509.Certificate, signers: Sequence[x509.Certificate], crls: Iterable[Crl], at: datetime
) -> Verdict:
    """What the lists say at a time. `signers`: the issuer, and other valid certificates of it that may sign lists.

    One list that says revoked is enough; among others the newest counts, and a later one may take a hold back.
    """
    question = _Question(certificate, signers, at)
    failures, usable = [], []
    for crl in crls:
        try:
            wrong = _why_unusable(crl, question)
        except WRONG as error:
            wrong = f"a CRL does not parse: {error}"
        if wrong is None:
            usable.append(crl)
        elif wrong:
            failures.append(wrong)
    covered: set[x509.ReasonFlags] = set()
    for crl in sorted(usable, key=lambda each: each.last_update_utc, reverse=True):
        entry = _find(crl, certificate.serial_number)
        if entry is not None:
            return Verdict(Status.REVOKED, _revoked(entry))
        covered |= _reasons_of(crl)
        if covered >= _ALL_REASONS:
            return Verdict(Status.GOOD)
    if usable:
        return Verdict(Status.UNKNOWN, "may be revoked for a reason that no CRL at hand covers")
    return Verdict(Status.UNKNOWN, failures[0] if failures else f"has no CRL of its issuer {_name(certificate)}")


def _find(crl: Crl, serial: int) -> x509.RevokedCertificate | None:
    if serial < 0:  # nobody may have such a number (RFC 5280 §4.1.2.2), and it is looked for all the same
        return next((each for each in crl if each.serial_number == serial), None)
    return crl.get_revoked_certificate_by_serial_number(serial)


def _why_unusable(crl: Crl, question: _Question) -> str | None:
    """None: it is good. Empty: it is about other certificates."""
    for rule in _RULES:
        wrong = rule(crl, question)
        if wrong is not None:
            return wrong
    return None


def _other_issuer(crl: Crl, question: _Question) -> str | None:
    return None if same_name(crl.issuer, question.certificate.issuer) else ""


def _scope(crl: Crl, question: _Question) -> str | None:
    """§5.2.5: for authorities, for others, for some distribution points."""
    scope = extension(crl, x509.IssuingDistributionPoint)
    if scope is None:
        return None
    if scope.indirect_crl:
        return "has a CRL that speaks for other authorities, too (indirectCRL), which is not supported"
    is_ca = is_authority(question.certificate)
    if scope.only_contains_attribute_certs or (scope.only_contains_user_certs and is_ca):
        return ""
    if scope.only_contains_ca_certs and not is_ca:
        return ""
    if scope.full_name is None and scope.relative_name is None:
        return None
    return None if _names(crl, scope) & _points(question.certificate) else ""


def _critical(crl: Crl, question: _Question) -> str | None:
    known = {ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    if extension(crl, x509.DeltaCRLIndicator) is not None:
        return ""  # only what has changed since another one
    unknown = next((each.oid for each in crl.extensions if each.critical and each.oid not in known), None)
    if unknown is not None:
        return f"has a CRL with a critical extension that is not understood ({unknown.dotted_string})"
    return None


def _too_early(crl: Crl, question: _Question) -> str | None:
    start = crl.last_update_utc
    return f"has a CRL that is not valid before {start:%Y-%m-%d %H:%M} UTC" if question.at < start else None


def _stale(crl: Crl, question: _Question) -> str | None:
    end = crl.next_update_utc
    if end is None:
        return None  # RFC 5280 wants it; lists without go on until the next
    return f"has a CRL that ended on {end:%Y-%m-%d %H:%M} UTC" if question.at > end else None


def _signature(crl: Crl, question: _Question) -> str | None:
    allowed = [each for each in question.signers if same_name(each.subject, crl.issuer) and _may_sign(each)]
    if not allowed:
        return "has a CRL that its issuer may not sign (its key usage has no cRLSign)"
    return (
        None if any(is_signed_by(crl, public_key(each)) for each in allowed) else "has a CRL whose signature is wrong"
    )


def _entries(crl: Crl, question: _Question) -> str | None:
    """§5.3: with a critical extension that is not understood the entry is not either; the certificate may be meant."""
    if _CRITICAL not in crl.tbs_certlist_bytes:
        return None  # there may be a hundred thousand entries
    known = {CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE}
    for entry in crl:
        unknown = next((each.oid for each in entry.extensions if each.critical and each.oid not in known), None)
        if unknown is not None and entry.serial_number != question.certificate.serial_number:
            return f"has a CRL with an entry that is not understood ({unknown.dotted_string})"
    return None


_Rule = Callable[[Crl, _Question], str | None]
_RULES: tuple[_Rule, ...] = (
    _other_issuer,  # RFC 5280 §6.3.3 (b)(1)
    _critical,  # §5.2
    _scope,  # §6.3.3 (b)(2)
    _signature,  # §6.3.3 (f), (g)
    _too_early,
    _stale,  # §6.3.3 (a)
    _entries,  # §5.3
)


def _may_sign(certificate: x509.Certificate) -> bool:
    usage = extension(certificate, x509.KeyUsage)
    return usage is None or usage.crl_sign


def _reasons_of(crl: Crl) -> frozenset[x509.ReasonFlags]:
    """For which reasons it lists certificates; others may be revoked for other reasons (onlySomeReasons)."""
    scope = extension(crl, x509.IssuingDistributionPoint)
    return _ALL_REASONS if scope is None or scope.only_some_reasons is None else scope.only_some_reasons


def _names(crl: Crl, scope: x509.IssuingDistributionPoint) -> set[object]:
    """The names of a list's distribution point; a relative one is appended to the issuer's."""
    if scope.relative_name is not None:
        return {x509.DirectoryName(x509.Name([*crl.issuer.rdns, scope.relative_name]))}
    return set(scope.full_name or ())


def _points(certificate: x509.Certificate) -> set[object]:
    """The names of all distribution points of a certificate."""
    found: set[object] = set()
    for point in extension(certificate, x509.CRLDistributionPoints) or ():
        if point.relative_name is not None:
            found.add(x509.DirectoryName(x509.Name([*certificate.issuer.rdns, point.relative_name])))
        found |= set(point.full_name or ()) | set(point.crl_issuer or ())
    return found


def _revoked(entry: x509.RevokedCertificate) -> str:
    when = f"was revoked on {entry.revocation_date_utc:%Y-%m-%d %H:%M} UTC"
    reason = next(_reasons(entry), "")
    return f"{when} ({reason})" if reason else when


def _reasons(entry: x509.RevokedCertificate) -> Iterator[str]:
    try:
        yield entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, *WRONG):
        return


def _name(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()
