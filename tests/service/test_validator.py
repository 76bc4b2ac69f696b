"""Who says whether authorities vouch for a peer: each is asked for by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.ike.values.question import Answer, Distrust, Validate
from ikevpn.model.certificates import Authority, Revocation
from ikevpn.pki import containers
from ikevpn.service.validator import Validator
from tests.ike.signing import authority, der

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def listed(folder: Path, revocation: Revocation, *lists: str) -> Authority:
    """The root, believed so."""
    plain = authority(folder, "root")
    return replace(plain, revocation=revocation, crls=tuple(str(folder / f"{each}.crl") for each in lists))


def judged(folder: Path, leaf: str, *authorities: Authority, crls: tuple[bytes, ...] = ()) -> object:
    """When the lists of the test PKI are good."""
    above = (der(folder, "second"), der(folder, "first"))
    now = containers.crl((folder / "second.crl").read_bytes()).last_update_utc
    question = Validate(der(folder, leaf), above, crls, frozenset(authorities))
    return asyncio.run(Validator(lambda: now).validate(question)).value


def test_lists_in_files(certificates: Path) -> None:
    strict = listed(certificates, Revocation.STRICT, "root", "first", "second")
    assert judged(certificates, "west-rsa", strict) == frozenset({strict.trust})
    found = judged(certificates, "revoked", strict)
    assert isinstance(found, Distrust) and found.rule == "revoked" and "was revoked on" in found.sentence


def test_a_list_that_the_peer_sends(certificates: Path) -> None:
    strict = listed(certificates, Revocation.STRICT, "root", "first")
    found = judged(certificates, "west-rsa", strict)
    assert isinstance(found, Distrust) and found.rule == "revocation-unknown"
    sent = containers.crl((certificates / "second.crl").read_bytes()).public_bytes(Encoding.DER)
    assert judged(certificates, "west-rsa", strict, crls=(b"?", sent)) == frozenset({strict.trust})


def test_by_best_effort_it_is_accepted_and_logged(certificates: Path, caplog: pytest.LogCaptureFixture) -> None:
    loose = listed(certificates, Revocation.BEST_EFFORT, "root", "first", "nowhere")
    assert judged(certificates, "west-rsa", loose) == frozenset({loose.trust})
    assert any("it is accepted all the same" in record.getMessage() for record in caplog.records)
    assert isinstance(judged(certificates, "revoked", listed(certificates, Revocation.BEST_EFFORT, "second")), Distrust)


def test_one_authority_under_two_conditions(certificates: Path) -> None:
    """Each tunnel has its own, and what satisfies one does not satisfy the other."""
    strict, plain = listed(certificates, Revocation.STRICT, "second"), authority(certificates, "root")
    assert strict.trust != plain.trust
    assert judged(certificates, "revoked", strict, plain) == frozenset({plain.trust})


def ask(folder: Path, leaf: str, *authorities: str, presented: tuple[bytes, ...] = ()) -> Answer:
    above = (der(folder, "second"), der(folder, "first"))
    question = Validate(der(folder, leaf), above + presented, (), frozenset(authority(folder, a) for a in authorities))
    return asyncio.run(Validator(lambda: NOW).validate(question))


def test_each_authority_by_itself(certificates: Path) -> None:
    found = ask(certificates, "west-rsa", "root", "other", "first", "ec-root").value
    assert found == frozenset({der(certificates, "root"), der(certificates, "first")})


def test_why_none_vouches(certificates: Path) -> None:
    found = ask(certificates, "expired", "other", "root").value
    assert isinstance(found, Distrust) and found.rule == "expired" and "2020-01-01" in found.sentence
    found = ask(certificates, "stranger", "ec-root", "root").value
    assert isinstance(found, Distrust) and found.rule == "unknown-authority" and "CN=other" in found.sentence


def test_what_does_not_parse_beside_it_does_not_matter(certificates: Path) -> None:
    assert ask(certificates, "west-rsa", "root", presented=(b"?", b"")).value == frozenset({der(certificates, "root")})
