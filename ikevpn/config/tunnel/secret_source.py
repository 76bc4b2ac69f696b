"""From the table that says where a secret is to the secret itself."""

from __future__ import annotations

import os

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.secret_table import SecretTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.toml.document import Document, Keys
from ikevpn.config.toml.secret_slips import slips
from ikevpn.config.toml.secrets import Found, check_private, decode, read_environment, read_file
from ikevpn.model.secret import Secret


def build_secret(walk: Walk, table: SecretTable, keys: Keys) -> Secret | None:
    """The secret that a table names; None, and a finding, where it cannot be had."""
    written = [name for name in ("file", "env", "text") if getattr(table, name) is not None]
    try:
        if len(written) != 1:
            what = f"{' and '.join(written)} stand side by side" if written else "it names no place"
            raise Unfit(f"{what}.", 'Write one of them, best { file = "paris.psk" }.', "secret-place")
        found = _find(walk.document, table)
        secret = decode(found, table.encoding, text_usual=table.text_usual)
    except Unfit as unfit:
        walk.error(keys, unfit)
        return None
    for slip in slips(found, table.encoding):
        walk.warn(keys, slip)
    return secret


def _find(document: Document, table: SecretTable) -> Found:
    if table.file is not None:
        return read_file(document.path.parent, table.file)
    if table.env is not None:
        return read_environment(table.env, os.environ)
    check_private(document.path, document.status)
    return Found((table.text or "").encode(), "the text")


def secret_source(document: Document, table: SecretTable) -> str:
    """Where a secret is kept, in words."""
    if table.file is not None:
        return str(document.path.parent / table.file)
    return f"environment variable {table.env}" if table.env is not None else str(document.path)
