"""Import, export, list, show and delete: openssl writes what we read, and reads what we write."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.pki.conftest import WITH_PASSPHRASE, Pki
from tests.pki.openssl import openssl


def bundle(folder: Path, name: str, *options: object) -> bytes:
    """PKCS#12 with the whole chain."""
    file = folder / f"{name}.crt"
    all_above = folder.parent / f"above-{name}.pem"
    all_above.write_bytes(file.with_suffix(".chain").read_bytes() + (folder / "root.crt").read_bytes())
    above = ("-certfile", all_above)
    key = ("-inkey", file.with_suffix(".key"), "-in", file)
    return openssl("pkcs12", "-export", *key, *above, "-passout", "pass:open sesame", *options)


def public(file: Path, *options: str) -> bytes:
    return openssl("pkey", "-in", file, "-pubout", *options)


@pytest.mark.parametrize("options", ((), ("-legacy",)), ids=("modern", "legacy"))
def test_pkcs12(pki: Pki, store: Path, certificates: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "west.p12").write_bytes(bundle(certificates, "west-rsa", *options))
    output = pki("import", tmp_path / "west.p12", *WITH_PASSPHRASE).output
    assert output.splitlines() == [
        f"private key (RSA, 2048 bits, encrypted): {store}/west.key",
        f"certificate CN=west.example.com, OU=gateways, O=ikevpn test, C=CH: {store}/west.crt",
        f"authority CN=root, O=ikevpn test, C=CH: {store}/west-ca.crt",
    ]
    assert public(store / "west.key", "-passin", "pass:open sesame") == public(certificates / "west-rsa.key")
    assert stat.S_IMODE((store / "west.key").stat().st_mode) == 0o600
    chain = ("-untrusted", store / "west.crt", store / "west.crt")
    assert openssl("verify", "-CAfile", store / "west-ca.crt", *chain).endswith(b": OK\n")


def test_a_key_that_is_no_longer_encrypted(pki: Pki, store: Path, certificates: Path, tmp_path: Path) -> None:
    (tmp_path / "west.p12").write_bytes(bundle(certificates, "west-rsa"))
    pki("import", tmp_path / "west.p12", *WITH_PASSPHRASE, "--decrypt", "--name", "gw@2")
    assert public(store / "gw@2.key") == public(certificates / "west-rsa.key")


def test_pkcs7_from_windows_style_authorities(pki: Pki, store: Path, certificates: Path, tmp_path: Path) -> None:
    """The answer to a request: certificate and authorities, in no order."""
    pki("import", certificates / "west-rsa.key", "--name", "west")
    files = ("-certfile", certificates / "root.crt", "-certfile", certificates / "west-rsa.chain")
    answer = openssl("crl2pkcs7", "-nocrl", *files, "-certfile", certificates / "west-rsa.crt", "-outform", "DER")
    (tmp_path / "answer.p7b").write_bytes(answer)
    pki("import", tmp_path / "answer.p7b", "--name", "west")
    subjects = [line for line in (store / "west.crt").read_text().splitlines() if line.startswith("#")]
    assert [line.partition(",")[0] for line in subjects] == ["# CN=west.example.com", "# CN=second", "# CN=first"]


@pytest.mark.parametrize("form", ("PEM", "DER"))
def test_a_certificate_of_an_authority_and_its_crl(
    pki: Pki, store: Path, certificates: Path, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(openssl("x509", "-in", certificates / "root.crt", "-outform", form))
    pki("import", file, "--name", "root")
    file.write_bytes(openssl("crl", "-in", certificates / "root.crl", "-outform", form))
    pki("import", file, "--name", "root")
    assert openssl("crl", "-in", store / "root.crl", "-CAfile", store / "root.crt", "-noout") == b""


def test_a_certificate_for_another_key(pki: Pki, fails: Pki, certificates: Path) -> None:
    pki("import", certificates / "west-rsa.key", "--name", "west")
    refused = fails("import", certificates / "east-rsa.crt", "--name", "west")
    assert refused.exit_code == 2 and "is not for the private key" in refused.output


def test_what_cannot_be_imported(fails: Pki, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for file, sentence in (
        (tmp_path / "text", "no key, certificate, request or CRL"),
        (tmp_path / "no", "cannot read"),
    ):
        refused = fails("import", file)
        assert refused.exit_code == 2 and sentence in refused.output


@pytest.mark.parametrize("words", ((), ("--legacy",)), ids=("modern", "legacy"))
def test_export_to_pkcs12(pki: Pki, certificates: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    west(pki, certificates)
    file = tmp_path / "out.p12"
    pki("export", "west", "--form", "pkcs12", *words, "--new-passphrase", "env:PASS", "--output", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = openssl("pkcs12", "-in", file, "-passin", "pass:open sesame", "-nodes", *(("-legacy",) if words else ()))
    assert text.count(b"BEGIN CERTIFICATE") == 3 and text.count(b"BEGIN PRIVATE KEY") == 1


def test_export_to_other_forms(pki: Pki, fails: Pki, certificates: Path, tmp_path: Path) -> None:
    west(pki, certificates)
    pki("export", "west", "--form", "pkcs7", "--output", tmp_path / "p7")
    printed = openssl("pkcs7", "-inform", "DER", "-in", tmp_path / "p7", "-print_certs", "-noout")
    assert printed.count(b"subject=") == 3
    pki("export", "west", "--form", "der", "--output", tmp_path / "der")
    assert b"CN = west.example.com" in openssl("x509", "-inform", "DER", "-in", tmp_path / "der", "-noout", "-subject")
    pki("export", "west", "--form", "der", "--key", "--output", tmp_path / "key")
    assert openssl("pkey", "-inform", "DER", "-in", tmp_path / "key", "-pubout") == public(
        certificates / "west-rsa.key"
    )
    text = pki("export", "west", "--key", "--new-passphrase", "env:PASS").output
    assert "BEGIN ENCRYPTED PRIVATE KEY" in text and text.count("BEGIN CERTIFICATE") == 3
    assert "BEGIN PRIVATE KEY" not in pki("export", "west").output
    assert fails("export", "west", "--form", "pkcs7", "--key").exit_code == 2
    assert fails("export", "none").exit_code == 2


def test_list_and_show(pki: Pki, certificates: Path, store: Path) -> None:
    west(pki, certificates)
    pki("import", certificates / "expired.crt")
    pki("import", certificates / "root.crt")
    rows = {row["name"]: row for row in json.loads(pki("list", "--json").output)}
    assert rows["west"]["has"] == ["key", "certificate"] and not rows["west"]["authority"]
    assert rows["root"]["authority"] and rows["root"]["subject"] == "CN=root, O=ikevpn test, C=CH"
    assert rows["expired"]["valid"].startswith("expired ")
    table = pki("list").output
    assert "days left" in table and "CN=west.example.com, OU=gateways, O=ikevpn test, C=CH" in table


@pytest.mark.parametrize("digest", ("sha1", "sha256"))
def test_fingerprints(pki: Pki, certificates: Path, digest: str) -> None:
    file = certificates / "sans.crt"
    theirs = openssl("x509", "-in", file, "-noout", "-fingerprint", f"-{digest}").decode().strip().partition("=")[2]
    (shown,) = json.loads(pki("show", file, "--json").output)
    assert shown[f"{digest}_fingerprint"] == theirs
    assert theirs in pki("show", file).output


def test_show_says_what_people_ask(pki: Pki, certificates: Path) -> None:
    west(pki, certificates)
    text = pki("show", "west").output
    for part in ("address 192.0.2.1", "host name west.example.com", "e-mail west@example.com", "RSA, 2048 bits"):
        assert part in text
    assert "issuer in" in text and "BEGIN" not in text
    pki("request", "oslo", "--kind", "ec", "--subject", "CN=oslo")
    assert "certificate request" in pki("show", "oslo").output
    assert "revoked:" in pki("show", certificates / "second.crl").output
    assert "there is nothing of the name none" in pki_fails(pki, "show", "none")


def pki_fails(pki: Pki, *words: str) -> str:
    with pytest.raises(AssertionError) as failed:
        pki(*words)
    return str(failed.value)


def test_delete_asks_before_a_key(pki: Pki, fails: Pki, certificates: Path, store: Path) -> None:
    west(pki, certificates)
    pki("import", certificates / "root.crt")
    pki("delete", "root")
    assert "write --yes" in fails("delete", "west").output
    assert (store / "west.key").exists()
    pki("delete", "west", "--yes")
    assert list(store.iterdir()) == []
    assert fails("delete", "west").exit_code == 2


def west(pki: Pki, certificates: Path) -> None:
    """A gateway with its chain."""
    pki("import", certificates / "west-rsa.key", "--name", "west")
    both = certificates.parent / "west-both.pem"
    both.write_bytes((certificates / "west-rsa.crt").read_bytes() + (certificates / "west-rsa.chain").read_bytes())
    pki("import", both, "--name", "west")
