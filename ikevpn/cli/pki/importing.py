"""`ikevpn pki import`: what an authority or another host hands over, into the folder."""

from __future__ import annotations

import re
from pathlib import Path

import click
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.cli.context import ending
from ikevpn.cli.pki.files import read_file
from ikevpn.cli.pki.shared import Passphrase, PkiContext, force_option, pass_pki, passphrase_option, wrote
from ikevpn.cli.values import PATH
from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret
from ikevpn.pki import containers, contents, describe, keys
from ikevpn.pki.store.store import Kind


@click.command("import")
@click.argument("file", type=PATH)
@click.option("--name", help="Under which name.  [default: that of the file]")
@passphrase_option("--passphrase", help="What is read is encrypted with the passphrase from")
@click.option("--decrypt", is_flag=True, help="Keep the private key without a passphrase.")
@force_option
@pass_pki
@ending
def importing(
    context: PkiContext, file: Path, name: str | None, passphrase: Passphrase, decrypt: bool, force: bool
) -> None:
    """Load a private key, certificates or a CRL from FILE: PEM, DER, PKCS#7 or PKCS#12.

    NAME.crt gets the certificate that belongs to NAME.key and those above it; a root is kept beside it as NAME-ca.crt.
    A key stays encrypted as it was.
    """
    name = name or re.sub(r"[^A-Za-z0-9_.@-]", "-", file.stem).lstrip("-.@")
    octets = read_file(file)
    secret = passphrase.for_reading(octets, str(file))
    found = contents.read(octets, secret)
    kept = Importing(context, name, force)
    if found.key is not None:
        kept.key(found.key, None if decrypt else secret)
    if found.certificates:
        kept.certificates(found)
    if found.crl is not None:
        wrote(context.store.write(name, Kind.CRL, found.crl.public_bytes(Encoding.PEM), replacing=True), "CRL")
    if found.request is not None:
        octets = found.request.public_bytes(Encoding.PEM)
        wrote(context.store.write(name, Kind.REQUEST, octets, replacing=force), "certificate request")


class Importing:
    """Under one name."""

    def __init__(self, context: PkiContext, name: str, force: bool) -> None:
        self.context = context
        self.name = name
        self.force = force

    def key(self, key: keys.PrivateKey, secret: Secret | None) -> None:
        """Keep a private key."""
        octets = keys.write(key, secret)
        path = self.context.store.write(self.name, Kind.KEY, octets, replacing=self.force)
        wrote(path, f"private key ({keys.describe(key)}{', encrypted' if secret else ''})")

    def certificates(self, found: contents.Contents) -> None:
        """Keep what belongs to the key, and the roots beside it. A bundle of roots alone is one, under the name."""
        chain, others = contents.chain(found.certificates, found.key)
        if not chain:
            raise ConfigError("none of the certificates in the file is for its private key", reason="key-mismatch")
        self._check_key(chain)
        self._write(self.name, chain, "certificate")
        for number, each in enumerate(others, 1):
            name = f"{self.name}-ca{number if number > 1 else ''}"
            self._write(name, (each,), "authority")

    def _write(self, name: str, chain: containers.Chain, what: str) -> None:
        path = self.context.store.write(name, Kind.CERTIFICATE, containers.pem(chain), replacing=self.force)
        wrote(path, f"{what} {describe.name(chain[0].subject)}")

    def _check_key(self, chain: containers.Chain) -> None:
        """A certificate for a key that we do not have is of no use under that name."""
        store = self.context.store
        if not store.has(self.name, Kind.KEY):
            return
        octets = store.read(self.name, Kind.KEY)
        if not keys.is_encrypted(octets) and not contents.belongs(chain[0], keys.read(octets).key):
            sentence = f"the certificate is not for the private key {store.path(self.name, Kind.KEY)}"
            raise ConfigError(f"{sentence}: choose another --name, or load its own key", reason="key-mismatch")
