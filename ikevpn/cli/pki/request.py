"""`ikevpn pki request`: ask an authority for a certificate."""

from __future__ import annotations

import click
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.cli import render
from ikevpn.cli.context import ending
from ikevpn.cli.pki.shared import (
    Asked,
    Passphrase,
    PkiContext,
    force_option,
    kind_option,
    name_argument,
    pass_pki,
    passphrase_option,
    subject_options,
    wrote,
)
from ikevpn.pki import request as requests
from ikevpn.pki.store.store import Kind


@click.command()
@name_argument
@subject_options
@kind_option
@passphrase_option("--passphrase", help="The key is encrypted, or to be encrypted, with the passphrase from")
@passphrase_option("--challenge", help="Put a challenge password into the request, from")
@force_option
@pass_pki
@ending
def request(
    context: PkiContext,
    name: str,
    asked: Asked,
    kind: str,
    passphrase: Passphrase,
    challenge: Passphrase,
    force: bool,
) -> None:
    """Make a certificate request NAME.csr (PKCS#10) for an authority, and the key NAME.key where there is none.

    The request is printed, too, to be pasted into the form of an authority. What the authority answers is loaded by
    `ikevpn pki import FILE --name NAME`.
    """
    store = context.store
    store.refuse_to_replace(name, Kind.REQUEST, force)
    whose, names = asked.subject, asked.names
    word = challenge.word("challenge password")
    key, new_key = context.key_for(name, kind, passphrase)
    made = requests.make(key, whose, names, word)
    octets = made.public_bytes(Encoding.PEM)
    context.keep_key(name, new_key)
    wrote(store.write(name, Kind.REQUEST, octets, replacing=force), "certificate request")
    render.say(octets.decode().rstrip())
