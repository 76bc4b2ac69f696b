"""The test PKI is what its table says, as openssl sees it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.table import AUTHORITIES, CERTIFICATES

ROOTS = [row.name for row in AUTHORITIES if not row.issuer]
REFUSED = {
    "expired": "certificate has expired",
    "not-yet-valid": "certificate is not yet valid",
    "revoked": "certificate revoked",
    "old": "CA signature digest algorithm too weak",
}


def verify(folder: Path, name: str) -> str:
    """What openssl says of a certificate, with every root trusted and every CRL loaded."""
    trusted, lists = folder / "trusted.pem", folder / "lists.pem"
    trusted.write_bytes(b"".join((folder / f"{root}.crt").read_bytes() for root in ROOTS))
    lists.write_bytes(b"".join((folder / f"{row.name}.crl").read_bytes() for row in AUTHORITIES))
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-crl_check", "-auth_level", "1"]
    chain = folder / f"{name}.chain"
    command += ["-CAfile", trusted, "-CRLfile", lists, *(("-untrusted", chain) if chain.stat().st_size else ())]
    done = subprocess.run([*command, folder / f"{name}.crt"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", [row.name for row in (*AUTHORITIES, *CERTIFICATES)])
def test_openssl_finds_each_as_the_table_says(certificates: Path, name: str) -> None:
    said = verify(certificates, name)
    assert REFUSED.get(name, ": OK") in said
    assert (": OK" in said) == (name not in REFUSED)


def test_keys_fit(certificates: Path) -> None:
    for row in (*AUTHORITIES, *CERTIFICATES):
        commands = (["x509", "-noout", "-pubkey", "-in"], "crt"), (["pkey", "-pubout", "-in"], "key")
        keys = [
            subprocess.run(["openssl", *words, certificates / f"{row.name}.{end}"], capture_output=True, check=True)
            for words, end in commands
        ]
        assert keys[0].stdout == keys[1].stdout


def test_the_large_one_needs_more_than_four_kilobytes(certificates: Path) -> None:
    certificate = x509.load_pem_x509_certificate((certificates / "large.crt").read_bytes())
    assert len(certificate.public_bytes(Encoding.DER)) > 4096
