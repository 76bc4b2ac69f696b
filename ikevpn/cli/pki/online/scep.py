"""`ikevpn pki scep`: a certificate from an authority that speaks SCEP."""

from __future__ import annotations

from datetime import timedelta

import click

from ikevpn.cli import render
from ikevpn.cli.context import ending
from ikevpn.cli.pki.online import enrolling
from ikevpn.cli.pki.shared import (
    Asked,
    Passphrase,
    PkiContext,
    force_option,
    name_argument,
    pass_pki,
    passphrase_option,
    subject_options,
    wrote,
)
from ikevpn.pki import containers, describe
from ikevpn.pki.scep.enrolment import Server
from ikevpn.pki.store.store import Kind

_WITHIN = "Renew only where NAME expires within so many days; else there is nothing to do. For timers."
_POLL = "Ask again every so many seconds while the request is pending; 0: do not."


@click.command()
@name_argument
@click.option("--url", required=True, help="Where the authority (or its RA) is: http://ca.example.net/scep.")
@click.option("--ca-identity", default="", help="Which authority, where several are at the URL.")
@click.option("--fingerprint", default="", help="SHA-256 or SHA-1 fingerprint of the authority's certificate.")
@subject_options
@click.option("--kind", default="rsa-2048", show_default=True, help="Size of a new key; SCEP needs RSA.")
@passphrase_option("--challenge", help="The challenge password that the authority gave out, from")
@passphrase_option("--passphrase", help="The key is encrypted, or to be encrypted, with the passphrase from")
@click.option("--poll", type=click.IntRange(0, 86400), default=0, show_default=True, help=_POLL)
@click.option("--renew", is_flag=True, help="Replace NAME by a certificate for the same names and a new key.")
@click.option("--within", type=click.IntRange(0), metavar="DAYS", help=_WITHIN)
@force_option
@pass_pki
@ending
def scep(
    context: PkiContext,
    name: str,
    url: str,
    ca_identity: str,
    fingerprint: str,
    asked: Asked,
    kind: str,
    challenge: Passphrase,
    passphrase: Passphrase,
    poll: int,
    renew: bool,
    within: int | None,
    force: bool,
) -> None:
    """Request a certificate NAME.crt by SCEP (RFC 8894), and make the key NAME.key where there is none.

    The certificate of the authority is shown and must be confirmed, or named by --fingerprint; it is kept as
    NAME-ca.crt. While a request is pending the same command asks again.
    """
    store = context.store
    store.refuse_to_replace(name, Kind.CERTIFICATE, force or renew)
    if renew and within is not None and not _is_due(context, name, within):
        return
    server = Server(url, ca_identity)
    authority = enrolling.authority_of(server, fingerprint)
    word = challenge.word("challenge password")
    if renew:
        wish = enrolling.renewal(context, name, kind, passphrase, word)
    else:
        wish = enrolling.new(context, name, asked, kind, passphrase, word)
        context.keep_key(name, wish.new_key)  # while the request is pending it must not be lost
    chain = enrolling.enrol(context, server, authority, wish, poll)
    if renew and wish.new_key is not None:
        wrote(store.write(name, Kind.KEY, wish.new_key, replacing=True), "private key")
    wrote(store.write(name, Kind.CERTIFICATE, containers.pem(chain), replacing=True), "certificate")
    root = containers.pem([authority.root])
    wrote(store.write(f"{name}-ca", Kind.CERTIFICATE, root, replacing=True), "authority")


def _is_due(context: PkiContext, name: str, within_days: int) -> bool:
    certificate = context.certificate(name)[0]
    if certificate.not_valid_after_utc - context.now <= timedelta(days=within_days):
        return True
    render.say(f"{name}: {describe.validity(certificate, context.now)}, nothing to renew")
    return False
