"""`ikevpn pki self-signed`: a certificate without an authority."""

from __future__ import annotations

from datetime import timedelta

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ikevpn.cli import render
from ikevpn.cli.context import ending
from ikevpn.cli.pki.shared import (
    Asked,
    Passphrase,
    PkiContext,
    days_option,
    force_option,
    kind_option,
    name_argument,
    pass_pki,
    passphrase_option,
    subject_options,
    wrote,
)
from ikevpn.pki import containers, describe
from ikevpn.pki.issue import Subject
from ikevpn.pki.issue import self_signed as sign
from ikevpn.pki.store.store import Kind


@click.command("self-signed")
@name_argument
@subject_options
@kind_option
@days_option(1095)
@passphrase_option("--passphrase", help="The key is encrypted, or to be encrypted, with the passphrase from")
@force_option
@pass_pki
@ending
def self_signed(
    context: PkiContext,
    name: str,
    asked: Asked,
    kind: str,
    days: int,
    passphrase: Passphrase,
    force: bool,
) -> None:
    """Make a certificate NAME.crt that its own key has signed, and the key NAME.key where there is none.

    The peer must have this very certificate: compare the fingerprint.
    """
    store = context.store
    store.refuse_to_replace(name, Kind.CERTIFICATE, force)
    whose, names = asked.subject, asked.names
    key, new_key = context.key_for(name, kind, passphrase)
    subject = Subject(whose, key.public_key(), names)
    certificate = sign(key, subject, context.now, timedelta(days=days), x509.random_serial_number())
    octets = containers.pem([certificate])
    context.keep_key(name, new_key)
    wrote(store.write(name, Kind.CERTIFICATE, octets, replacing=force), "certificate")
    render.say(f"SHA-256 fingerprint: {describe.fingerprint(certificate, hashes.SHA256())}")
