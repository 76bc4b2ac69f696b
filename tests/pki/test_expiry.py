"""Which certificate of a chain expires first, and the stages before it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.pki import alternative, containers, keys
from ikevpn.pki.expiry import Expiry, earliest
from ikevpn.pki.issue import Subject, self_signed

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY_S = 86400


def lasting(name: str, days: int) -> bytes:
    key = keys.make("ec-256")
    subject = Subject(alternative.subject(f"CN={name}"), key.public_key())
    return self_signed(key, subject, NOW, timedelta(days=days), 1).public_bytes(Encoding.DER)


def test_the_first_of_a_chain_counts() -> None:
    assert earliest([lasting("own", 300), lasting("above", 20)]) == Expiry("CN=above", NOW.timestamp() + 20 * DAY_S)
    assert earliest([]) is None
    assert earliest([b"nonsense"]) is None


@pytest.mark.parametrize(
    ("left_days", "stage"),
    ((31, None), (30, 30), (29, 30), (7.5, 30), (7, 7), (1.01, 7), (1, 1), (0.1, 1), (0, 0), (-5, 0)),
)
def test_stages(left_days: float, stage: int | None) -> None:
    assert Expiry("CN=paris", 1e9).stage(1e9 - left_days * DAY_S) == stage


def test_the_time_is_that_of_openssl(certificates: Path) -> None:
    (found,) = containers.certificates((certificates / "expired.crt").read_bytes())
    expiry = earliest([found.public_bytes(Encoding.DER)])
    assert expiry is not None and expiry.day == "2020-01-01 00:00 UTC"
