"""Who signs for the engine, which knows our private keys by name only (`Sign`)."""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.config.configuration import TunnelConfig
from ikevpn.crypto import signatures
from ikevpn.crypto.signatures import PrivateKey
from ikevpn.errors import ConfigError
from ikevpn.ike.values.question import Answer, Sign
from ikevpn.model.secret import Secret
from ikevpn.pki import keys


class Signer:
    """The private keys out of files. Each is opened when it is used first, for that takes some milliseconds."""

    def __init__(self) -> None:
        self._files: dict[str, Secret] = {}
        self._opened: dict[str, PrivateKey] = {}

    def load(self, tunnels: Iterable[TunnelConfig]) -> None:
        """From now on these are the keys."""
        files = {name: key for tunnel in tunnels for name, key in tunnel.private_keys.items()}
        self._opened = {name: key for name, key in self._opened.items() if files.get(name) == self._files[name]}
        self._files = files

    async def sign(self, question: Sign) -> Answer:
        """The body of a signature payload."""
        try:
            key = self._key(question.key)
        except ConfigError as error:
            return Answer(trouble=str(error))
        if key is None or signatures.method_of(key) != question.auth:
            return Answer(trouble=f"there is no private key {question.key} for {question.auth.label}")
        try:
            return Answer(signatures.sign(key, question.hashed))
        except ValueError as error:
            return Answer(trouble=f"the private key {question.key} cannot sign it: {error}")

    def _key(self, name: str) -> PrivateKey | None:
        if name not in self._opened and name in self._files:
            self._opened[name] = keys.read(self._files[name].reveal()).key
        return self._opened.get(name)
