"""`ikevpn pki export`: a certificate, with its key where that is wanted, in the form that others read."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

import click
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)

from ikevpn.cli import render
from ikevpn.cli.context import ending
from ikevpn.cli.pki.shared import (
    Passphrase,
    PkiContext,
    name_argument,
    pass_pki,
    passphrase_option,
    wrote,
)
from ikevpn.cli.values import PATH
from ikevpn.errors import ConfigError, HostError
from ikevpn.model.secret import Secret
from ikevpn.pki import containers, keys
from ikevpn.pki.store.store import replace


class Form(StrEnum):
    PEM = "pem"
    DER = "der"
    PKCS7 = "pkcs7"
    PKCS12 = "pkcs12"


@click.command("export")
@name_argument
@click.option("--form", type=click.Choice([each.value for each in Form]), default=Form.PEM.value, show_default=True)
@click.option("--key", "with_key", is_flag=True, help="The private key, too; PKCS#12 always has it.")
@click.option("--legacy", is_flag=True, help="PKCS#12 as old systems read it: 3DES and SHA-1.")
@passphrase_option("--passphrase", help="The key is encrypted with the passphrase from")
@passphrase_option("--new-passphrase", help="Encrypt what is written, with the passphrase from")
@click.option("--output", "-o", type=PATH, help="A file; else standard output.")
@pass_pki
@ending
def exporting(
    context: PkiContext,
    name: str,
    form: str,
    with_key: bool,
    legacy: bool,
    passphrase: Passphrase,
    new_passphrase: Passphrase,
    output: Path | None,
) -> None:
    """Write the certificate NAME and those above it as PEM, DER, PKCS#7 or PKCS#12.

    DER holds one thing: the certificate, or with --key the private key.
    """
    chain = context.certificate(name)
    key = context.key(name, passphrase) if with_key or form == Form.PKCS12 else None
    secret = new_passphrase.for_writing(name) if key is not None else None
    octets = _octets(Form(form), name, chain, key, secret, legacy)
    if output is not None:
        _write(output, octets, private=key is not None)
    elif form == Form.PEM:
        render.say(octets.decode().rstrip())
    elif sys.stdout.isatty():
        raise ConfigError("what is written is not text: name a file with --output", reason="no-output")
    else:
        sys.stdout.buffer.write(octets)


def _octets(
    form: Form, name: str, chain: containers.Chain, key: keys.PrivateKey | None, secret: Secret | None, legacy: bool
) -> bytes:
    if form is Form.PKCS12:
        own, above = chain[0], list(chain[1:])
        return pkcs12.serialize_key_and_certificates(name.encode(), key, own, above, _lock(secret, legacy))
    if form is Form.PKCS7:
        if key is not None:
            raise ConfigError("PKCS#7 holds certificates alone: use pkcs12 for the private key", reason="bad-form")
        return pkcs7.serialize_certificates(list(chain), Encoding.DER)
    if form is Form.DER:
        return keys.write(key, secret, Encoding.DER) if key else chain[0].public_bytes(Encoding.DER)
    return containers.pem(chain) + (keys.write(key, secret) if key else b"")


def _lock(secret: Secret | None, legacy: bool) -> KeySerializationEncryption:
    if secret is None:
        return NoEncryption()
    if not legacy:
        return BestAvailableEncryption(secret.reveal())
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2048)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303 - what they read
        .build(secret.reveal())
    )


def _write(path: Path, octets: bytes, private: bool) -> None:
    try:
        replace(path, octets, 0o600 if private else 0o644)
    except OSError as error:
        raise HostError(f"cannot write {path}: {(error.strerror or 'unknown reason').lower()}") from None
    wrote(path, "written")
