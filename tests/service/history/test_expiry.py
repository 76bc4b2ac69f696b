"""Certificates are spoken of 30, 7 and 1 days before they expire, and when they have; once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event
from ikevpn.model.events.severity import Severity, severity
from ikevpn.pki import alternative, keys
from ikevpn.pki.issue import Subject, self_signed
from ikevpn.service.history.expiry import CertificateExpiry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = keys.make("ec-256")
DAY_S = 86400


def certificate(name: str, days: int) -> bytes:
    subject = Subject(alternative.subject(f"CN={name}"), KEY.public_key())
    return self_signed(KEY, subject, NOW, timedelta(days=days), 1).public_bytes(Encoding.DER)


def tunnel(name: str, *chain: bytes) -> SimpleNamespace:
    """As much of a TunnelConfig as counts here."""
    own = (SimpleNamespace(chain=chain),) if chain else ()
    return SimpleNamespace(name=name, template=SimpleNamespace(own_keys=own))


class Daemon:
    """A clock, and what was reported."""

    def __init__(self, *tunnels: SimpleNamespace) -> None:
        self.now = NOW.timestamp()
        self.events: list[Event] = []
        self.expiry = CertificateExpiry(self.events.append, lambda: self.now)
        self.load(*tunnels)

    def load(self, *tunnels: SimpleNamespace) -> None:
        self.expiry.load(tunnels)  # type: ignore[arg-type]

    def after(self, days: float) -> list[str]:
        """What is said when so many days have gone by, an hour at a time."""
        self.events.clear()
        for _ in range(round(days * 24)):
            self.now += 3600
            self.expiry.look()
        return [reasons.sentence(event) for event in self.events]


def test_once_each() -> None:
    daemon = Daemon(tunnel("paris", certificate("gw", 40)), tunnel("manual"))
    assert daemon.events == []
    assert daemon.after(9) == []
    until = "expires on 2026-07-11 00:00 UTC"
    assert daemon.after(2) == [f"the certificate CN=gw {until}, in 30 days; tunnels: paris"]
    assert daemon.after(27.5) == [
        f"the certificate CN=gw {until}, in 7 days; tunnels: paris",
    ]
    assert daemon.after(1) == [f"the certificate CN=gw {until}, in 1 day; tunnels: paris"]
    assert [severity(event) for event in daemon.events] == [Severity.WARNING]
    assert daemon.after(5) == ["the certificate CN=gw expired on 2026-07-11 00:00 UTC; tunnels: paris"]
    assert [(event.code, severity(event)) for event in daemon.events] == [(Code.CERTIFICATE_EXPIRED, Severity.ERROR)]


def test_one_event_for_all_tunnels_of_a_certificate() -> None:
    shared = certificate("gw", 5)
    daemon = Daemon(tunnel("paris", shared), tunnel("oslo", certificate("own", 300), shared))
    (event,) = daemon.events
    assert event.facts["tunnels"] == ("oslo", "paris") and event.facts["left"] == "5 days"


def test_a_reload_says_only_what_is_new() -> None:
    old = certificate("gw", 5)
    daemon = Daemon(tunnel("paris", old))
    daemon.events.clear()
    daemon.load(tunnel("paris", old))
    assert daemon.events == []
    daemon.load(tunnel("paris", certificate("gw", 300)))
    assert daemon.events == []
    daemon.load(tunnel("paris", old))
    assert len(daemon.events) == 1


def test_what_status_shows() -> None:
    daemon = Daemon(tunnel("paris", certificate("gw", 40)), tunnel("manual"))
    found = daemon.expiry.of("paris")
    assert found is not None
    assert (found.subject, found.left_s) == ("CN=gw", pytest.approx(40 * DAY_S))
    assert daemon.expiry.of("manual") is None
