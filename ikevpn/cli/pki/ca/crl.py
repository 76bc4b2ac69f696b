"""`ikevpn pki ca crl`: the list of what an authority has revoked."""

from __future__ import annotations

import click

from ikevpn.cli.context import ending
from ikevpn.cli.pki.ca import authority
from ikevpn.cli.pki.shared import Passphrase, PkiContext, name_argument, pass_pki, passphrase_option, wrote


@click.command()
@name_argument
@authority.crl_days_option
@passphrase_option("--ca-passphrase", help="The key of the authority is encrypted with the passphrase from")
@pass_pki
@ending
def crl(context: PkiContext, name: str, days: int, ca_passphrase: Passphrase) -> None:
    """Write NAME.crl anew, with the revoked certificates of the authority NAME; to be done before the old one ends."""
    wrote(authority.write_crl(context, name, authority.issuer(context, name, ca_passphrase), days), "CRL")
