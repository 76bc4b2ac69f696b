"""What the verbs of an authority share: its list of issued certificates, and its CRL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.cli.pki.shared import Passphrase, PkiContext
from ikevpn.errors import ConfigError
from ikevpn.pki import containers, issued
from ikevpn.pki.issue import Issuer
from ikevpn.pki.store.store import Kind

CRL_DAYS = 30
by_option = click.option("--by", required=True, metavar="NAME", help="The authority that signs.")

crl_days_option = click.option(
    "--days", type=click.IntRange(1, 3650), default=CRL_DAYS, show_default=True, help="Until the next CRL is due."
)


def below_root(chain: containers.Chain) -> containers.Chain:
    """A chain without a root at its end, which whoever trusts it has already."""
    return tuple(each for each in chain if each.subject != each.issuer)


def rows(context: PkiContext, name: str) -> tuple[issued.Row, ...]:
    """What an authority has issued."""
    if not context.store.has(name, Kind.INDEX):
        return ()
    return issued.read(context.store.read(name, Kind.INDEX).decode())


def note(context: PkiContext, name: str, certificate: x509.Certificate) -> None:
    """Add a certificate to the list of its authority."""
    keep(context, name, (*rows(context, name), issued.Row.of(certificate)))


def keep(context: PkiContext, name: str, changed: tuple[issued.Row, ...]) -> None:
    """Write the list of an authority."""
    context.store.write(name, Kind.INDEX, issued.write(changed).encode(), replacing=True)


def write_crl(context: PkiContext, name: str, issuer: Issuer, days: int) -> Path:
    """The CRL of an authority, with the next number."""
    store = context.store
    number = _number(store.read(name, Kind.CRL_NUMBER)) if store.has(name, Kind.CRL_NUMBER) else 1
    made = issued.crl(issuer, rows(context, name), number, context.now, timedelta(days=days))
    store.write(name, Kind.CRL_NUMBER, f"{_even(f'{number + 1:X}')}\n".encode(), replacing=True)
    return store.write(name, Kind.CRL, made.public_bytes(Encoding.PEM), replacing=True)


def issuer(context: PkiContext, name: str, passphrase: Passphrase) -> Issuer:
    """Raises ConfigError where the name is no authority of ours."""
    if not context.store.has(name, Kind.KEY):
        sentence = f"there is no private key of an authority {name}: make one with `ikevpn pki ca root {name}`"
        raise ConfigError(sentence, reason="no-authority")
    return context.issuer(name, passphrase)


def _number(octets: bytes) -> int:
    try:
        return int(octets, 16)
    except ValueError:
        raise ConfigError("the file with the number of the next CRL is damaged", reason="bad-index") from None


def _even(digits: str) -> str:
    """openssl wants whole octets."""
    return digits.rjust(len(digits) + len(digits) % 2, "0")
