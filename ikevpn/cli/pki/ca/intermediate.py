"""`ikevpn pki ca intermediate`: an authority below another one."""

from __future__ import annotations

from datetime import timedelta

import click
from cryptography import x509

from ikevpn.cli.context import ending
from ikevpn.cli.pki.ca import authority
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
from ikevpn.pki import containers
from ikevpn.pki.issue import Issuer, Subject, issue
from ikevpn.pki.store.store import Kind


@click.command()
@name_argument
@authority.by_option
@subject_options
@kind_option
@days_option(1825)
@passphrase_option("--passphrase", help="The key is encrypted, or to be encrypted, with the passphrase from")
@passphrase_option("--ca-passphrase", help="The key of the authority is encrypted with the passphrase from")
@force_option
@pass_pki
@ending
def intermediate(
    context: PkiContext,
    name: str,
    by: str,
    asked: Asked,
    kind: str,
    days: int,
    passphrase: Passphrase,
    ca_passphrase: Passphrase,
    force: bool,
) -> None:
    """Make an authority below another one: its key, its certificate with those above it, and an empty CRL."""
    store = context.store
    store.refuse_to_replace(name, Kind.CERTIFICATE, force)
    whose, names = asked.subject_or(name), asked.names
    above = authority.issuer(context, by, ca_passphrase)
    key, new_key = context.key_for(name, kind, passphrase)
    subject = Subject(whose, key.public_key(), names, authority=True)
    certificate = issue(above, subject, context.now, timedelta(days=days), x509.random_serial_number())
    chain = (certificate, *authority.below_root(context.certificate(by)))
    context.keep_key(name, new_key)
    wrote(store.write(name, Kind.CERTIFICATE, containers.pem(chain), replacing=force), "certificate")
    authority.note(context, by, certificate)
    wrote(authority.write_crl(context, name, Issuer(certificate, key), authority.CRL_DAYS), "CRL")
