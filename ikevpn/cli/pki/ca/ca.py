"""`ikevpn pki ca`: the verbs of a small certificate authority."""

from __future__ import annotations

import click

from ikevpn.cli.verbs import Verbs

VERBS = {
    "root": "pki.ca.root",
    "intermediate": "pki.ca.intermediate",
    "issue": "pki.ca.issue",
    "revoke": "pki.ca.revoke",
    "crl": "pki.ca.crl",
}


@click.group(cls=Verbs, modules=VERBS)
def ca() -> None:
    """A small certificate authority for labs: its keys are in a file of this host.

    What it has issued is in NAME.index, in the form of openssl, so that `openssl ocsp` can answer for it.
    """
