"""What an authority has issued and revoked: the rows of openssl's `index.txt`, so that `openssl ca` and `openssl ocsp
-index` can take over at any time; and the CRL that follows from them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509

from ikevpn.errors import ConfigError
from ikevpn.pki.issue import Issuer, authority_key
from ikevpn.pki.keys import digest_for

REASONS = {
    "unspecified": x509.ReasonFlags.unspecified,
    "keyCompromise": x509.ReasonFlags.key_compromise,
    "CACompromise": x509.ReasonFlags.ca_compromise,
    "affiliationChanged": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessationOfOperation": x509.ReasonFlags.cessation_of_operation,
    "certificateHold": x509.ReasonFlags.certificate_hold,
}
"""RFC 5280 §5.3.1, in openssl's words."""
_DATE, _LONG_DATE = "%y%m%d%H%M%SZ", "%Y%m%d%H%M%SZ"
_FIRST_LONG_YEAR = 2050  # RFC 5280 §4.1.2.5


@dataclass(frozen=True)
class Row:
    """One certificate that was issued; `revoked` None: it was not revoked."""

    serial: int
    expires: datetime
    subject: str
    revoked: datetime | None = None
    reason: str = ""

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Row:
        # openssl writes /C=CH/O=…; nothing reads it back
        parts = certificate.subject.rfc4514_string().split(",")[::-1] if list(certificate.subject) else []
        return cls(certificate.serial_number, certificate.not_valid_after_utc, "".join(f"/{each}" for each in parts))


def read(text: str) -> tuple[Row, ...]:
    """Raises ConfigError."""
    return tuple(_read_row(line) for line in text.splitlines() if line.strip())


def write(rows: Iterable[Row]) -> str:
    """The text that `read` reads."""
    return "".join(f"{line}\n" for line in map(_write_row, rows))


def revoke(rows: tuple[Row, ...], serial: int, now: datetime, reason: str = "") -> tuple[Row, ...]:
    """The rows with one revoked. Raises ConfigError where there is none of that number, or it is revoked already."""
    found = next((row for row in rows if row.serial == serial), None)
    if found is None:
        raise ConfigError(f"this authority has issued no certificate {serial:x}", reason="not-issued")
    if found.revoked is not None:
        raise ConfigError(f"certificate {serial:x} was revoked at {found.revoked:%Y-%m-%d %H:%M} UTC", reason="revoked")
    if reason and reason not in REASONS:
        raise ConfigError(f"{reason} is no reason: use one of {', '.join(REASONS)}", reason="bad-reason")
    return tuple(replace(row, revoked=now, reason=reason) if row is found else row for row in rows)


def crl(
    issuer: Issuer, rows: Iterable[Row], number: int, now: datetime, lasting: timedelta
) -> x509.CertificateRevocationList:
    """The list of what is revoked, good until the next one is due."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + lasting)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(authority_key(issuer.key.public_key(), issuer.certificate), critical=False)
    )
    for entry in _revoked(rows):
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, digest_for(issuer.key))


def _revoked(rows: Iterable[Row]) -> Iterator[x509.RevokedCertificate]:
    for row in rows:
        if row.revoked is not None:
            builder = x509.RevokedCertificateBuilder().serial_number(row.serial).revocation_date(row.revoked)
            if row.reason:
                builder = builder.add_extension(x509.CRLReason(REASONS[row.reason]), critical=False)
            yield builder.build()


def _write_row(row: Row) -> str:
    revoked = "" if row.revoked is None else ",".join(filter(None, (_write_date(row.revoked), row.reason)))
    digits = f"{row.serial:X}"
    serial = digits.rjust(len(digits) + len(digits) % 2, "0")
    state = "R" if row.revoked else "V"
    return "\t".join((state, _write_date(row.expires), revoked, serial, "unknown", row.subject or "/"))


def _read_row(line: str) -> Row:
    try:
        state, expires, revoked, serial, _, subject = line.split("\t")
        date, _, reason = revoked.partition(",")
        when = _read_date(date) if state == "R" else None
        return Row(int(serial, 16), _read_date(expires), subject, when, reason.split(",")[0])
    except ValueError:
        raise ConfigError(f'"{line}" is not a line of the list of issued certificates', reason="bad-index") from None


def _write_date(when: datetime) -> str:
    return when.strftime(_DATE if when.year < _FIRST_LONG_YEAR else _LONG_DATE)


def _read_date(text: str) -> datetime:
    return datetime.strptime(text, _DATE if len(text) == len("yymmddhhmmssZ") else _LONG_DATE).replace(tzinfo=UTC)
