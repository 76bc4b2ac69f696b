"""`ikevpn pki`: the verbs for certificates, and the folder that they work on."""

from __future__ import annotations

import warnings
from pathlib import Path

import click

from ikevpn.cli.context import Context, pass_context
from ikevpn.cli.pki.shared import PkiContext
from ikevpn.cli.values import PATH
from ikevpn.cli.verbs import Verbs
from ikevpn.pki.store.store import Store

VERBS = {
    "key": "pki.key",
    "request": "pki.request",
    "self-signed": "pki.self_signed",
    "scep": "pki.online.scep",
    "ca": "pki.ca.ca",
    "import": "pki.importing",
    "export": "pki.exporting",
    "list": "pki.listing",
    "show": "pki.show",
    "fetch-crl": "pki.online.fetch_crl",
    "verify": "pki.verify",
    "delete": "pki.delete",
}


@click.group(cls=Verbs, modules=VERBS)
@click.option(
    "--directory",
    type=PATH,
    envvar="IKEVPN_PKI",
    help="Folder of keys and certificates.  [default: `pki` beside the configuration]",
)
@pass_context
@click.pass_context
def pki(click_context: click.Context, context: Context, directory: Path | None) -> None:
    """Keys and certificates: make, request, load, look at.

    NAME stands for the files NAME.key, NAME.crt, NAME.csr and NAME.crl in the folder.
    """
    warnings.filterwarnings("ignore", module="ikevpn|cryptography")  # odd certificates are read, and looked at as any
    beside = context.config if context.config.is_dir() or not context.config.suffix else context.config.parent
    click_context.obj = PkiContext(Store(directory or beside / "pki"))
