"""`ikevpn pki verify` finds of each certificate of the test PKI what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.pki.conftest import Pki

SECOND = ("second", "first")


@pytest.fixture
def trusting(pki: Pki, certificates: Path) -> None:
    """A folder with the root, and the lists of those below it."""
    pki("import", certificates / "root.crt")
    for name in ("root", *SECOND):
        pki("import", certificates / f"{name}.crl", "--name", name)


def found(fails: Pki, certificates: Path, name: str, *words: object) -> dict[str, object]:
    """What it says as JSON."""
    chain = certificates / f"{name}.chain"
    sent = ("--with", chain) if chain.stat().st_size else ()
    result = fails("verify", certificates / f"{name}.crt", *sent, *words, "--json")
    answer = json.loads(result.output)
    assert result.exit_code == (0 if answer["good"] else 1)
    return answer  # type: ignore[no-any-return]


def wrong(answer: dict[str, object]) -> str:
    return " | ".join(step["sentence"] for step in answer["steps"] if step["good"] is False)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    (
        ("west-rsa", ("--strict",), ""),
        ("west-rsa", ("--id", "west.example.com"), ""),
        ("west-rsa", ("--id", "east.example.com"), "it is not for east.example.com but for CN=west.example.com"),
        ("west-direct", ("--strict", "--id", "192.0.2.1"), ""),
        ("large", (), ""),
        ("revoked", (), "was revoked on"),
        ("expired", (), "expired on 2020-01-01 00:00 UTC"),
        ("west-rsa", ("--at", "2060-06-01"), "expired on 2049-12-31"),
        ("not-yet-valid", (), "is not valid before 2090-01-01"),
        ("wrong-usage", (), "does not allow signatures"),
        ("wrong-purpose", (), "is for other purposes than IKE"),
        ("stranger", (), "which is no authority of this tunnel"),
        ("wrong-name", ("--id", "east.example.com"), "it is not for east.example.com"),
        ("no-names", ("--id", "CN=east.example.com, OU=gateways, O=ikevpn test, C=CH"), ""),
    ),
)
def test_each_of_the_test_pki(fails: Pki, certificates: Path, name: str, words: tuple[str, ...], sentence: str) -> None:
    answer = found(fails, certificates, name, *words)
    assert sentence in wrong(answer)
    assert bool(sentence) is not answer["good"]


@pytest.mark.usefixtures("trusting")
def test_every_step_is_told(fails: Pki, pki: Pki, certificates: Path) -> None:
    text = pki("verify", certificates / "west-rsa.crt", "--with", certificates / "west-rsa.chain").output
    lines = text.splitlines()
    assert lines[-1] == "it would be accepted" and len(lines) == 9
    assert sum("not revoked" in line for line in lines) == 3


@pytest.mark.usefixtures("trusting")
def test_without_a_list_strict_refuses(fails: Pki, certificates: Path) -> None:
    words = ("--crl", certificates / "second.stale.crl")
    assert found(fails, certificates, "west-rsa", *words)["good"]
    refused = found(fails, certificates, "west-rsa", *words, "--strict")
    assert not refused["good"] and not wrong(refused)


def test_an_old_authority(fails: Pki, certificates: Path) -> None:
    assert found(fails, certificates, "old", "--authority", certificates / "old-root.crt")["good"]


def test_nobody_is_believed(fails: Pki, certificates: Path) -> None:
    refused = fails("verify", certificates / "root.crt")
    assert refused.exit_code == 2 and "there is no root authority" in refused.output
    refused = fails("verify", "none", "--authority", certificates / "root.crt")
    assert refused.exit_code == 2 and "no certificate none" in refused.output
