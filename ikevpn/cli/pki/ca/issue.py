"""`ikevpn pki ca issue`: a certificate for a gateway or a user."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
from cryptography import x509

from ikevpn.cli.context import ending
from ikevpn.cli.pki.ca import authority
from ikevpn.cli.pki.files import read_file
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
from ikevpn.cli.values import PATH
from ikevpn.errors import ConfigError
from ikevpn.pki import containers, keys, request
from ikevpn.pki.issue import Subject
from ikevpn.pki.issue import issue as sign
from ikevpn.pki.store.store import Kind


@click.command()
@name_argument
@authority.by_option
@subject_options
@click.option("--request", "file", type=PATH, help="A certificate request of someone else, who keeps the key.")
@kind_option
@days_option(1095)
@click.option("--crl-url", default="", help="Where the certificate says that the CRL is found.")
@click.option("--ocsp-url", default="", help="Where the certificate says that the OCSP responder is.")
@passphrase_option("--passphrase", help="The key is encrypted, or to be encrypted, with the passphrase from")
@passphrase_option("--ca-passphrase", help="The key of the authority is encrypted with the passphrase from")
@force_option
@pass_pki
@ending
def issue(
    context: PkiContext,
    name: str,
    by: str,
    asked: Asked,
    file: Path | None,
    kind: str,
    days: int,
    crl_url: str,
    ocsp_url: str,
    passphrase: Passphrase,
    ca_passphrase: Passphrase,
    force: bool,
) -> None:
    """Issue a certificate NAME.crt, with the authorities between it and the root.

    From --request, else from NAME.csr, else for the options; then the key NAME.key is made where there is none. Subject
    and names of the options replace those of a request.
    """
    context.store.refuse_to_replace(name, Kind.CERTIFICATE, force)
    whose, names, new_key = asked.subject, asked.names, None
    above = authority.issuer(context, by, ca_passphrase)
    wish = _request(context, name, file)
    if wish is not None:
        key = _public(wish)
        whose, names = whose if list(whose) else wish.subject, names or request.names_of(wish)
    else:
        private, new_key = context.key_for(name, kind, passphrase)
        key = private.public_key()
    subject = Subject(whose, key, names, crl_url=crl_url, ocsp_url=ocsp_url)
    certificate = sign(above, subject, context.now, timedelta(days=days), x509.random_serial_number())
    chain = (certificate, *authority.below_root(context.certificate(by)))
    context.keep_key(name, new_key)
    wrote(context.store.write(name, Kind.CERTIFICATE, containers.pem(chain), replacing=force), "certificate")
    authority.note(context, by, certificate)


def _request(context: PkiContext, name: str, file: Path | None) -> x509.CertificateSigningRequest | None:
    if file is not None:
        return request.read(read_file(file))
    if context.store.has(name, Kind.REQUEST):
        return request.read(context.store.read(name, Kind.REQUEST))
    return None


def _public(wish: x509.CertificateSigningRequest) -> keys.PublicKey:
    key = wish.public_key()
    if not isinstance(key, keys.PublicKey):
        raise ConfigError("IKEv1 has signatures for RSA, DSA and ECDSA keys only", reason="bad-key")
    return key
