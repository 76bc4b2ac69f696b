"""`ikevpn pki list`: what is in the folder."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click
from cryptography import x509
from rich.table import Table

from ikevpn.cli import render
from ikevpn.cli.context import as_json, ending
from ikevpn.cli.pki.shared import PkiContext, pass_pki
from ikevpn.errors import ConfigError
from ikevpn.pki import describe
from ikevpn.pki.issue import is_authority
from ikevpn.pki.store.store import Kind

_WORDS = {Kind.KEY: "key", Kind.CERTIFICATE: "certificate", Kind.REQUEST: "request", Kind.CRL: "CRL"}


@dataclass(frozen=True)
class Row:
    """What there is of a name; of the first certificate, what people look for."""

    name: str
    has: list[str]
    subject: str = ""
    issuer: str = ""
    valid: str = ""
    until: str = ""
    authority: bool = False


@click.command("list")
@as_json
@pass_pki
@ending
def listing(context: PkiContext, as_json: bool) -> None:
    """List keys, certificates, requests and CRLs, and how long certificates are still valid."""
    rows = [_row(context, name) for name in context.store.names()]
    if as_json:
        render.write_json(rows)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "has", "subject", "issuer", "valid"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.name, ", ".join(row.has), row.subject, row.issuer, row.valid)
    render.table(table)


def _row(context: PkiContext, name: str) -> Row:
    row = Row(name, [_WORDS[kind] for kind in context.store.kinds(name) if kind in _WORDS])
    certificate = _certificate(context, name)
    if certificate is None:
        return row
    return replace(
        row,
        subject=describe.name(certificate.subject),
        issuer=describe.name(certificate.issuer),
        valid=describe.validity(certificate, context.now),
        until=certificate.not_valid_after_utc.isoformat(),
        authority=is_authority(certificate),
    )


def _certificate(context: PkiContext, name: str) -> x509.Certificate | None:
    """None: there is none, or it is damaged; `show` says how."""
    try:
        return context.certificate(name)[0]
    except ConfigError:
        return None
