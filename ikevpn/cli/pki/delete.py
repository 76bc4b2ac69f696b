"""`ikevpn pki delete`: remove what there is of a name."""

from __future__ import annotations

import sys

import click

from ikevpn.cli.context import ending
from ikevpn.cli.pki.shared import PkiContext, name_argument, pass_pki, wrote
from ikevpn.errors import ConfigError
from ikevpn.pki.store.store import Kind


@click.command()
@name_argument
@click.option("--yes", is_flag=True, help="Do not ask before a private key is removed.")
@pass_pki
@ending
def delete(context: PkiContext, name: str, yes: bool) -> None:
    """Remove the key, certificate, request and CRL of NAME. A private key cannot be made again."""
    kinds = context.store.kinds(name)
    if not kinds:
        raise ConfigError(f"there is nothing of the name {name} in {context.store.folder}", reason="no-such-name")
    if Kind.KEY in kinds and not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"{name} has a private key: write --yes to remove it", reason="needs-yes")
        click.confirm(f"Remove the private key {context.store.path(name, Kind.KEY)}?", abort=True, err=True)
    for path in context.store.delete(name, kinds):
        wrote(path, "removed")
