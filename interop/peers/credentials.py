"""Which keys and certificates of the test PKI an end of a tunnel has, and whom it believes."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

from certs.make import make


@functools.cache
def pki() -> Path:
    """The folder of the test PKI, made once a run."""
    return make(Path(tempfile.mkdtemp(prefix="ikevpn-pki-")))


@dataclass(frozen=True)
class Credentials:
    """By names of the test PKI: `own` is a key with its certificate, `peer` the certificate that is known of the other
    end, `authorities` vouch for it, `crls` say what they have revoked. `key` is another private key than the one of the
    certificate's name.
    """

    own: str
    peer: str = ""
    authorities: tuple[str, ...] = ()
    send: str = "always"
    key: str = ""
    crls: tuple[str, ...] = ()
    revocation: str = ""

    @property
    def private(self) -> str:
        """The private key."""
        return text(f"{self.key or self.own}.key")

    @property
    def chain(self) -> str:
        """The own certificate and those above it, but for the root."""
        return text(f"{self.own}.crt") + self.above

    @property
    def above(self) -> str:
        """Those between the own certificate and the root."""
        return text(f"{self.own}.chain")

    @property
    def method(self) -> str:
        """As names of proposals begin."""
        kind = self.own.rpartition("-")[2]
        return {"dsa": "dsa", "ec256": "ecdsa256", "ec384": "ecdsa384", "ec521": "ecdsa521"}.get(kind, "rsa")


def text(name: str) -> str:
    """A file of the test PKI."""
    return (pki() / name).read_text()
