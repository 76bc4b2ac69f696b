"""`ikevpn pki fetch-crl`: the newest list of what an authority has revoked."""

from __future__ import annotations

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.cli import render
from ikevpn.cli.context import ending
from ikevpn.cli.pki.online.fetching import fetch
from ikevpn.cli.pki.shared import PkiContext, name_argument, pass_pki, wrote
from ikevpn.errors import ConfigError, HostError, IkevpnError, NotAuthentic, PeerError
from ikevpn.pki import containers, describe
from ikevpn.pki.names import same_name
from ikevpn.pki.reading import public_key
from ikevpn.pki.signature import is_signed_by
from ikevpn.pki.store.store import Kind


@click.command("fetch-crl")
@name_argument
@click.option("--url", help="Where it is (http, https, ldap).  [default: what certificates of the authority say]")
@click.option("--ldap-server", default="", help="The server of LDAP URLs that name none, as ldap:///CN=….")
@pass_pki
@ending
def fetch_crl(context: PkiContext, name: str, url: str | None, ldap_server: str) -> None:
    """Fetch the CRL of the authority NAME and keep it as NAME.crl, if the authority has signed it."""
    authority = context.certificate(name)[0]
    places = [url] if url else _places(context, authority)
    if not places:
        sentence = f"no certificate of {name} says where its CRL is: write --url"
        raise ConfigError(sentence, reason="no-url")
    found = _first(places, ldap_server, authority)
    if context.store.has(name, Kind.CRL):
        _refuse_older(found, containers.crl(context.store.read(name, Kind.CRL)))
    wrote(context.store.write(name, Kind.CRL, found.public_bytes(Encoding.PEM), replacing=True), "CRL")
    until = found.next_update_utc
    render.say(f"revoked: {len(found)}; next update: {until:%Y-%m-%d %H:%M} UTC" if until else f"revoked: {len(found)}")


def _places(context: PkiContext, authority: x509.Certificate) -> list[str]:
    """The distribution points in certificates that the authority has issued."""
    names = (name for name in context.store.names() if context.store.has(name, Kind.CERTIFICATE))
    issued = (each for name in names for each in context.certificate(name) if same_name(each.issuer, authority.subject))
    return list(dict.fromkeys(url for each in issued for url in describe.crl_urls(each)))


def _first(places: list[str], ldap_server: str, authority: x509.Certificate) -> x509.CertificateRevocationList:
    """From the first place that has one. Raises the last failure."""
    failure: IkevpnError | None = None
    for place in places:
        try:
            return _checked(containers.crl(fetch(place, ldap_server)), authority)
        except (ConfigError, HostError, PeerError) as error:
            failure = error
    assert failure is not None
    raise failure


def _checked(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> x509.CertificateRevocationList:
    if not same_name(crl.issuer, authority.subject) or not is_signed_by(crl, public_key(authority)):
        whose = describe.name(authority.subject)
        raise NotAuthentic(f"the CRL is not signed by {whose}", reason="wrong-signature")
    return crl


def _refuse_older(found: x509.CertificateRevocationList, kept: x509.CertificateRevocationList) -> None:
    """An old list knows nothing of what was revoked since, and is what an attacker would send."""
    if found.last_update_utc < kept.last_update_utc and same_name(found.issuer, kept.issuer):
        when = f"{found.last_update_utc:%Y-%m-%d %H:%M} UTC"
        raise NotAuthentic(f"the CRL is of {when} and older than the one at hand, which is kept", reason="older-crl")
