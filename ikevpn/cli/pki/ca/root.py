"""`ikevpn pki ca root`: an authority that vouches for itself."""

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
from ikevpn.pki.issue import Issuer, Subject, self_signed
from ikevpn.pki.store.store import Kind


@click.command()
@name_argument
@subject_options
@kind_option
@days_option(3650)
@passphrase_option("--passphrase", help="The key is encrypted, or to be encrypted, with the passphrase from")
@force_option
@pass_pki
@ending
def root(
    context: PkiContext, name: str, asked: Asked, kind: str, days: int, passphrase: Passphrase, force: bool
) -> None:
    """Make a root authority: its key, its certificate NAME.crt, and an empty CRL.

    NAME.crt is what both ends of a tunnel trust. Without --subject it is called CN=NAME.
    """
    store = context.store
    store.refuse_to_replace(name, Kind.CERTIFICATE, force)
    whose, names = asked.subject_or(name), asked.names
    key, new_key = context.key_for(name, kind, passphrase)
    subject = Subject(whose, key.public_key(), names, authority=True)
    certificate = self_signed(key, subject, context.now, timedelta(days=days), x509.random_serial_number())
    context.keep_key(name, new_key)
    wrote(store.write(name, Kind.CERTIFICATE, containers.pem([certificate]), replacing=force), "certificate")
    wrote(authority.write_crl(context, name, Issuer(certificate, key), authority.CRL_DAYS), "CRL")
