"""`ikevpn pki show`: a certificate, request, CRL or key in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from ikevpn.cli import render
from ikevpn.cli.context import as_json, ending
from ikevpn.cli.pki.files import read_file
from ikevpn.cli.pki.shared import Passphrase, PkiContext, name_argument, pass_pki, passphrase_option
from ikevpn.errors import ConfigError
from ikevpn.pki import contents, describe, keys
from ikevpn.pki.describe import Row
from ikevpn.pki.store.store import Kind

_SHOWN = (Kind.CERTIFICATE, Kind.REQUEST, Kind.CRL)


@click.command()
@name_argument
@passphrase_option("--passphrase", help="A PKCS#12 file is encrypted with the passphrase from")
@as_json
@pass_pki
@ending
def show(context: PkiContext, name: str, passphrase: Passphrase, as_json: bool) -> None:
    """Show what there is of NAME, or what is in a file: names, validity, key, fingerprints. Never a private key."""
    blocks = list(_of_store(context, name) if name in context.store.names() else _of_file(context, name, passphrase))
    if as_json:
        render.write_json([{"what": what, **{_key(row): row.value for row in rows}} for what, rows in blocks])
        return
    for what, rows in blocks:
        render.say(what, "bold")
        for row in rows:
            values = [row.value] if isinstance(row.value, str) else row.value
            for number, value in enumerate(values):
                render.say(f"  {row.label + ':' if not number else '':21}{value}")


def _of_store(context: PkiContext, name: str) -> Iterator[tuple[str, list[Row]]]:
    store = context.store
    if store.has(name, Kind.KEY):
        yield f"private key {store.path(name, Kind.KEY)}", [Row("key", _described(store.read(name, Kind.KEY)))]
    for kind in _SHOWN:
        if store.has(name, kind):
            found = contents.read(store.read(name, kind))
            yield from _of_contents(found, str(store.path(name, kind)), context.now)


def _of_file(context: PkiContext, name: str, passphrase: Passphrase) -> Iterator[tuple[str, list[Row]]]:
    path = Path(name)
    if not path.exists():
        sentence = f"there is nothing of the name {name} in {context.store.folder}, and no such file"
        raise ConfigError(sentence, reason="no-such-name")
    octets = read_file(path)
    found = contents.read(octets, passphrase.for_reading(octets, name))
    if found.key is not None:
        yield f"private key in {name}", [Row("key", keys.describe(found.key))]
    yield from _of_contents(found, name, context.now)


def _of_contents(found: contents.Contents, where: str, now: datetime) -> Iterator[tuple[str, list[Row]]]:
    for number, certificate in enumerate(found.certificates):
        yield f"{'issuer' if number else 'certificate'} in {where}", describe.certificate(certificate, now)
    if found.request is not None:
        yield f"certificate request {where}", describe.request(found.request)
    if found.crl is not None:
        yield f"CRL {where}", describe.crl(found.crl)


def _described(octets: bytes) -> str:
    return "encrypted" if keys.is_encrypted(octets) else keys.describe(keys.read(octets).key)


def _key(row: Row) -> str:
    return row.label.lower().replace(" ", "_").replace("-", "")
