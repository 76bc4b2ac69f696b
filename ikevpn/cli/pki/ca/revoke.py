"""`ikevpn pki ca revoke`: a certificate that is not to be trusted any more."""

from __future__ import annotations

import click

from ikevpn.cli.context import ending
from ikevpn.cli.pki.ca import authority
from ikevpn.cli.pki.shared import Passphrase, PkiContext, name_argument, pass_pki, passphrase_option, wrote
from ikevpn.errors import ConfigError
from ikevpn.pki import issued


@click.command()
@name_argument
@authority.by_option
@click.option("--serial", help="Hex digits of the serial number, where there is no NAME.crt.")
@click.option("--reason", type=click.Choice(list(issued.REASONS)), default="unspecified", help="As the CRL says it.")
@authority.crl_days_option
@passphrase_option("--ca-passphrase", help="The key of the authority is encrypted with the passphrase from")
@pass_pki
@ending
def revoke(
    context: PkiContext, name: str, by: str, serial: str | None, reason: str, days: int, ca_passphrase: Passphrase
) -> None:
    """Revoke a certificate, and write the CRL anew. Those who look at an older CRL will still accept it."""
    number = _serial(serial) if serial else context.certificate(name)[0].serial_number
    issuer = authority.issuer(context, by, ca_passphrase)
    changed = issued.revoke(authority.rows(context, by), number, context.now, reason)
    authority.keep(context, by, changed)
    wrote(authority.write_crl(context, by, issuer, days), f"revoked {number:x}; CRL")


def _serial(digits: str) -> int:
    try:
        return int(digits.replace(":", ""), 16)
    except ValueError:
        raise ConfigError(f"{digits} is no serial number in hex digits", reason="bad-serial") from None
