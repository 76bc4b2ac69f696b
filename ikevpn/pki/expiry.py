"""When certificates expire, and when that is worth a word. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from ikevpn.model.identity import Identity
from ikevpn.pki.reading import WRONG
from ikevpn.wire.registry import IdType

STAGES_DAYS = (30, 7, 1, 0)
"""So long before the end it is said, each once; 0: it has come."""
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Expiry:
    """Of the first certificate of a chain to expire: whose, and when in seconds since 1970."""

    subject: str
    until: float

    def stage(self, now: float) -> int | None:
        """The last of the stages that has begun; None: there is plenty of time."""
        left_days = (self.until - now) / _DAY_S
        return min((days for days in STAGES_DAYS if left_days <= days), default=None)

    @property
    def day(self) -> str:
        return f"{datetime.fromtimestamp(self.until, UTC):%Y-%m-%d %H:%M} UTC"


def earliest(chain: Iterable[bytes]) -> Expiry | None:
    """Of certificates in DER; the peer refuses all of them when the first has expired. What does not parse is left
    out.
    """
    return min(filter(None, map(_read, chain)), key=lambda each: each.until, default=None)


def _read(octets: bytes) -> Expiry | None:
    try:
        found = x509.load_der_x509_certificate(octets)
        subject = Identity(IdType.DN, found.subject.public_bytes())
        return Expiry(str(subject), found.not_valid_after_utc.timestamp())
    except WRONG:
        return None
