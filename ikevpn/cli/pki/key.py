"""`ikevpn pki key`: make a private key."""

from __future__ import annotations

import click

from ikevpn.cli.context import ending
from ikevpn.cli.pki.shared import (
    Passphrase,
    PkiContext,
    force_option,
    kind_option,
    name_argument,
    pass_pki,
    passphrase_option,
    wrote,
)
from ikevpn.pki import keys
from ikevpn.pki.store.store import Kind


@click.command()
@name_argument
@kind_option
@passphrase_option("--passphrase", help="Encrypt the key, with the passphrase from")
@force_option
@pass_pki
@ending
def key(context: PkiContext, name: str, kind: str, passphrase: Passphrase, force: bool) -> None:
    """Make a private key NAME.key (PKCS#8, mode 0600)."""
    context.store.refuse_to_replace(name, Kind.KEY, force)
    made = keys.make(kind)
    octets = keys.write(made, passphrase.for_writing(name))
    wrote(context.store.write(name, Kind.KEY, octets, replacing=force), f"private key ({keys.describe(made)})")
