"""The small authority: openssl verifies what it issues, reads its lists, and answers for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.pki.conftest import WITH_PASSPHRASE, Pki
from tests.pki.openssl import openssl

EC = ("--kind", "ec")


@pytest.fixture
def lab(pki: Pki, store: Path) -> Path:
    """A root, an authority below it, and a gateway."""
    pki("ca", "root", "lab", "--subject", "CN=Lab, O=Acme", *EC)
    pki("ca", "intermediate", "vpn", "--by", "lab", *EC)
    pki("ca", "issue", "paris", "--by", "vpn", "--subject", "CN=paris, O=Acme", "--fqdn", "paris.example.com", *EC)
    return store


def verify(folder: Path, name: str) -> str:
    """What openssl says, with the CRLs of both."""
    lists = folder / "lists.pem"
    lists.write_bytes((folder / "vpn.crl").read_bytes() + (folder / "lab.crl").read_bytes())
    files = ("-CAfile", folder / "lab.crt", "-CRLfile", lists, "-untrusted", folder / f"{name}.crt")
    command = ["openssl", "verify", "-no-CApath", "-x509_strict", "-crl_check_all", *files, folder / f"{name}.crt"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_what_it_issues_is_verified(lab: Path) -> None:
    assert verify(lab, "paris") == f"{lab}/paris.crt: OK\n"
    assert len((lab / "paris.crt").read_text().split("BEGIN")) == 3  # its own and vpn, not the root


def test_what_it_revokes_is_refused(pki: Pki, fails: Pki, lab: Path) -> None:
    pki("ca", "revoke", "paris", "--by", "vpn", "--reason", "keyCompromise")
    assert "certificate revoked" in verify(lab, "paris")
    assert "Key Compromise" in openssl("crl", "-in", lab / "vpn.crl", "-noout", "-text").decode()
    again = fails("ca", "revoke", "paris", "--by", "vpn")
    assert again.exit_code == 2 and "was revoked at" in again.output
    other = fails("ca", "revoke", "paris", "--by", "lab")
    assert other.exit_code == 2 and "has issued no certificate" in other.output


def test_revoked_by_serial_number(pki: Pki, lab: Path) -> None:
    serial = openssl("x509", "-in", lab / "paris.crt", "-noout", "-serial").decode().strip().partition("=")[2]
    pki("ca", "revoke", "-", "--by", "vpn", "--serial", serial)
    assert "certificate revoked" in verify(lab, "paris")


def test_crl_numbers_rise(pki: Pki, lab: Path) -> None:
    numbers = []
    for _ in range(2):
        pki("ca", "crl", "vpn", "--days", "7")
        numbers.append(openssl("crl", "-in", lab / "vpn.crl", "-noout", "-crlnumber").decode().strip())
    assert numbers == ["crlNumber=0x02", "crlNumber=0x03"]


def test_openssl_answers_ocsp_from_the_list(pki: Pki, lab: Path) -> None:
    pki("ca", "issue", "oslo", "--by", "vpn", "--subject", "CN=oslo", *EC)
    pki("ca", "revoke", "oslo", "--by", "vpn")
    issuer = ("-issuer", lab / "vpn.crt")
    openssl("ocsp", *issuer, "-cert", lab / "paris.crt", "-cert", lab / "oslo.crt", "-reqout", lab / "request")
    said = openssl(
        *("ocsp", "-index", lab / "vpn.index", "-CA", lab / "vpn.crt", "-rsigner", lab / "vpn.crt"),
        *("-rkey", lab / "vpn.key", "-reqin", lab / "request", "-resp_text"),
    ).decode()
    assert [line.strip() for line in said.splitlines() if "Cert Status" in line] == [
        "Cert Status: good",
        "Cert Status: revoked",
    ]


def test_openssl_takes_the_authority_over(pki: Pki, lab: Path) -> None:
    """The list and the number of the CRL are as `openssl ca` has them, and we go on after it."""
    (lab / "openssl.conf").write_text(
        f"[ca]\ndefault_ca=this\n[this]\ndatabase={lab}/vpn.index\ncrlnumber={lab}/vpn.crlnumber\n"
        f"certificate={lab}/vpn.crt\nprivate_key={lab}/vpn.key\ndefault_md=sha256\ndefault_crl_days=9\n"
    )
    openssl("ca", "-config", lab / "openssl.conf", "-revoke", lab / "paris.crt", "-crl_reason", "superseded")
    openssl("ca", "-config", lab / "openssl.conf", "-gencrl", "-out", lab / "vpn.crl")
    assert "certificate revoked" in verify(lab, "paris")
    pki("ca", "crl", "vpn")
    assert "certificate revoked" in verify(lab, "paris")
    assert "Superseded" in openssl("crl", "-in", lab / "vpn.crl", "-noout", "-text").decode()


def test_a_request_of_someone_else(pki: Pki, lab: Path, certificates: Path, tmp_path: Path) -> None:
    """Made by openssl; the key stays where it is."""
    file = tmp_path / "east.csr"
    extension = ("-addext", "subjectAltName=DNS:east.example.com,IP:192.0.2.2")
    openssl("req", "-new", "-key", certificates / "east-rsa.key", "-subj", "/O=Acme/CN=east", *extension, "-out", file)
    pki("ca", "issue", "east", "--by", "vpn", "--request", file, "--crl-url", "http://192.0.2.9/vpn.crl")
    assert verify(lab, "east") == f"{lab}/east.crt: OK\n"
    assert not (lab / "east.key").exists()
    text = openssl("x509", "-in", lab / "east.crt", "-noout", "-text").decode()
    for part in ("DNS:east.example.com", "IP Address:192.0.2.2", "http://192.0.2.9/vpn.crl"):
        assert part in text


def test_a_request_of_our_own(pki: Pki, lab: Path) -> None:
    pki("request", "oslo", "--subject", "CN=oslo", "--address", "192.0.2.3", *EC)
    pki("ca", "issue", "oslo", "--by", "vpn", "--ocsp-url", "http://192.0.2.9:8888/")
    assert verify(lab, "oslo") == f"{lab}/oslo.crt: OK\n"
    assert b"192.0.2.9:8888" in openssl("x509", "-in", lab / "oslo.crt", "-noout", "-ocsp_uri")


def test_an_altered_request(fails: Pki, lab: Path, tmp_path: Path) -> None:
    openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        tmp_path / "k",
        "-subj",
        "/CN=east",
        "-outform",
        "DER",
        "-out",
        tmp_path / "r",
    )
    (tmp_path / "r").write_bytes((tmp_path / "r").read_bytes().replace(b"east", b"west"))
    refused = fails("ca", "issue", "east", "--by", "vpn", "--request", tmp_path / "r")
    assert refused.exit_code == 2 and "it was altered" in refused.output


def test_encrypted_keys(pki: Pki, fails: Pki, store: Path) -> None:
    pki("ca", "root", "lab", *EC, *WITH_PASSPHRASE)
    refused = fails("ca", "issue", "paris", "--by", "lab", "--subject", "CN=paris", *EC)
    assert refused.exit_code == 2 and "lab is encrypted" in refused.output
    assert not (store / "paris.key").exists()
    pki("ca", "issue", "paris", "--by", "lab", "--subject", "CN=paris", *EC, "--ca-passphrase", "env:PASS")


def test_who_is_no_authority(fails: Pki, lab: Path) -> None:
    for by, sentence in (
        ("paris", "CN=paris,O=Acme is not an authority"),
        ("none", "no private key of an authority none"),
    ):
        refused = fails("ca", "issue", "oslo", "--by", by, "--subject", "CN=oslo", *EC)
        assert refused.exit_code == 2 and sentence in refused.output


def test_nothing_outlives_its_authority(pki: Pki, lab: Path) -> None:
    pki("ca", "issue", "oslo", "--by", "lab", "--subject", "CN=oslo", "--days", "36500", *EC)
    ends = [openssl("x509", "-in", lab / f"{name}.crt", "-noout", "-enddate") for name in ("oslo", "lab")]
    assert ends[0] == ends[1]


def test_a_damaged_list(fails: Pki, lab: Path) -> None:
    (lab / "vpn.index").write_text("nonsense\n")
    refused = fails("ca", "crl", "vpn")
    assert refused.exit_code == 2 and '"nonsense" is not a line' in refused.output
