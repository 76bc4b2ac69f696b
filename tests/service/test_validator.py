"""Who says whether authorities vouch for a peer: each is asked for by itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from ikevpn.ike.values.question import Answer, Distrust, Validate
from ikevpn.service.validator import Validator
from tests.ike.signing import authority, der

NOW = datetime(2026, 6, 1, tzinfo=UTC)


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
