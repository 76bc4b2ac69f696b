"""Keys, requests and self-signed certificates: openssl reads what we write."""

from __future__ import annotations

import stat
from pathlib import Path

import click
import pytest

from ikevpn.cli.main import main
from ikevpn.cli.pki.ca.ca import VERBS as CA_VERBS
from ikevpn.cli.pki.pki import VERBS
from tests.cli.pki.conftest import WITH_PASSPHRASE, Pki
from tests.pki.openssl import openssl


@pytest.mark.parametrize("words", [*((verb,) for verb in VERBS), *(("ca", verb) for verb in CA_VERBS)])
def test_every_verb_has_help(pki: Pki, words: tuple[str, ...]) -> None:
    assert pki(*words, "--help").output.startswith(f"Usage: main pki {' '.join(words)}")


def test_the_folder_is_beside_the_configuration(pki: Pki, store: Path, tmp_path: Path) -> None:
    pki("key", "paris", "--kind", "ec")
    assert (store / "paris.key").exists()
    (tmp_path / "one.toml").touch()
    context = click.Context(main)
    main.invoke(main.make_context("ikevpn", ["--config", str(tmp_path / "one.toml"), "pki", "list"], parent=context))
    pki("--directory", tmp_path / "else", "key", "oslo", "--kind", "ec")
    assert (tmp_path / "else" / "oslo.key").exists()


@pytest.mark.parametrize(
    ("kind", "told"), (("rsa-2048", "RSA, 2048 bits"), ("ec-384", "ECDSA, P-384"), ("dsa-1024", "DSA, 1024 bits"))
)
def test_a_key_is_private(pki: Pki, store: Path, kind: str, told: str) -> None:
    assert told in pki("key", "paris", "--kind", kind).output
    file = store / "paris.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    openssl("pkey", "-in", file, "-noout")
    assert [path.name for path in store.iterdir()] == ["paris.key"]


def test_a_key_is_not_replaced_by_accident(pki: Pki, fails: Pki, store: Path) -> None:
    pki("key", "paris", "--kind", "ec")
    before = (store / "paris.key").read_bytes()
    refused = fails("key", "paris", "--kind", "ec")
    assert refused.exit_code == 2
    assert refused.output == f"there is a private key {store}/paris.key already: --force replaces it\n"
    assert (store / "paris.key").read_bytes() == before
    pki("key", "paris", "--kind", "ec", "--force")
    assert (store / "paris.key").read_bytes() != before


@pytest.mark.parametrize("where", ("env:PASS", "file:word", "credential:word"))
def test_passphrases_from_everywhere(
    pki: Pki, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "word").write_text("open sesame\n")
    (tmp_path / "word").chmod(0o600)
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    pki("key", "paris", "--kind", "ec", "--passphrase", where, env=credentials)
    openssl("pkey", "-in", store / "paris.key", "-passin", "pass:open sesame", "-noout")
    pki("request", "paris", "--subject", "CN=paris", "--passphrase", where, env=credentials)


def test_a_passphrase_is_asked_for_twice(pki: Pki, fails: Pki, store: Path) -> None:
    pki("key", "paris", "--kind", "ec", "--passphrase", "ask", input="open sesame\nopen sesame\n")
    openssl("pkey", "-in", store / "paris.key", "-passin", "pass:open sesame", "-noout")
    pki("request", "paris", "--subject", "CN=paris", "--passphrase", "ask", input="open sesame\n")


@pytest.mark.parametrize(
    ("where", "sentence"),
    (
        (
            "open sesame",
            "--passphrase takes ask, file:NAME, env:VARIABLE or credential:NAME, not the passphrase itself",
        ),
        ("env:NONE", "the passphrase: the environment variable NONE is not set."),
        ("file:./word", "the passphrase: there is no file word"),
        ("file:/dev/null", "/dev/null is not a regular file"),
        ("credential:word", "systemd has handed over no credentials"),
    ),
)
def test_places_without_a_passphrase(fails: Pki, store: Path, where: str, sentence: str) -> None:
    refused = fails("key", "paris", "--kind", "ec", "--passphrase", where)
    assert refused.exit_code == 2 and sentence in refused.output
    assert not store.exists()


def test_an_encrypted_key_without_a_terminal(pki: Pki, fails: Pki) -> None:
    pki("key", "paris", "--kind", "ec", *WITH_PASSPHRASE)
    for words, sentence in (((), "no terminal to ask at"), (("--passphrase", "env:HOME"), "does not open")):
        refused = fails("request", "paris", "--subject", "CN=paris", *words)
        assert refused.exit_code == 2 and sentence in refused.output


def test_a_request_as_the_guide_makes_it_by_hand(pki: Pki, store: Path) -> None:
    """Name, unit, organisation, locality, state, country, e-mail, address, host name; a challenge password."""
    subject = "CN=michael zhang, serialNumber=0123, OU=development, O=juniper networks, L=sunnyvale, ST=ca, C=us"
    names = ("--address", "10.10.5.44", "--fqdn", "ns.example.com", "--email", "admin@example.com")
    output = pki(
        "request", "paris", "--kind", "rsa-2048", "--subject", subject, *names, "--challenge", "env:PASS"
    ).output
    text = openssl("req", "-in", store / "paris.csr", "-noout", "-verify", "-text").decode()
    for part in ("DNS:ns.example.com", "IP Address:10.10.5.44", "email:admin@example.com", "open sesame"):
        assert part in text
    shown = openssl("req", "-in", store / "paris.csr", "-noout", "-subject", "-nameopt", "RFC2253").decode().strip()
    assert shown == f"subject={subject.replace(', ', ',')}"
    assert (store / "paris.csr").read_text() in output


def test_a_request_with_domain_components(pki: Pki, store: Path) -> None:
    pki("request", "paris", "--kind", "ec", "--subject", "CN=paris, DC=example, DC=com")
    shown = openssl("req", "-in", store / "paris.csr", "-noout", "-subject").decode()
    assert shown.strip() == "subject=DC = com, DC = example, CN = paris"


def test_a_request_without_a_subject_has_critical_names(pki: Pki, store: Path) -> None:
    pki("request", "paris", "--kind", "ec", "--fqdn", "paris.example.com")
    assert "Alternative Name: critical" in openssl("req", "-in", store / "paris.csr", "-noout", "-text").decode()


@pytest.mark.parametrize(
    ("words", "sentence"),
    (
        ((), "a request needs a subject or a name"),
        (("--subject", "paris"), '"paris" is not a name like "CN=paris, O=Acme, C=CH"'),
        (("--subject", "CN=paris, XX=1"), "XX is no field of a distinguished name"),
        (("--address", "CN=a"), '"CN=a" is not an address'),
        (("--email", "é@example.com"), "is not an address, a host name or an e-mail address"),
        (("--subject", "CN=a", "--kind", "rsa-512"), "rsa-512 is no kind of key"),
    ),
)
def test_requests_that_cannot_be(fails: Pki, store: Path, words: tuple[str, ...], sentence: str) -> None:
    refused = fails("request", "paris", *words)
    assert refused.exit_code == 2 and sentence in refused.output
    assert not store.exists()


@pytest.mark.parametrize("name", ("", "-a", "a/b", "../a", "a.key", ".a", "a b"))
def test_names_that_cannot_be(fails: Pki, name: str) -> None:
    refused = fails("key", "--kind", "ec", "--", name)
    assert refused.exit_code == 2 and "cannot be the name" in refused.output


def test_a_self_signed_certificate(pki: Pki, store: Path) -> None:
    words = ("--kind", "ec-256", "--subject", "CN=paris", "--fqdn", "paris.example.com", "--days", "10")
    output = pki("self-signed", "paris", *words).output
    file = store / "paris.crt"
    assert openssl("verify", "-CAfile", file, "-check_ss_sig", file).endswith(b": OK\n")
    fingerprint = openssl("x509", "-in", file, "-noout", "-fingerprint", "-sha256").decode().strip().partition("=")[2]
    assert output.splitlines()[-1] == f"SHA-256 fingerprint: {fingerprint}"
    assert b"DNS:paris.example.com" in openssl("x509", "-in", file, "-noout", "-ext", "subjectAltName")
    key = (store / "paris.key").read_bytes()
    pki("self-signed", "paris", "--subject", "CN=paris", "--force")
    assert (store / "paris.key").read_bytes() == key


def test_a_folder_that_cannot_be_written(fails: Pki, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = fails("--directory", tmp_path / "file", "key", "paris", "--kind", "ec")
    assert refused.exit_code == 3 and f"cannot write {tmp_path}/file/paris.key: " in refused.output


def test_a_key_that_others_can_read_is_not_used(pki: Pki, fails: Pki, store: Path) -> None:
    pki("key", "paris", "--kind", "ec")
    (store / "paris.key").chmod(0o640)
    refused = fails("request", "paris", "--subject", "CN=paris")
    assert refused.exit_code == 3 and "can be read by others (mode 0640)" in refused.output
