"""The names for which a certificate is asked: written as identities are, put into a subjectAltName. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from cryptography import x509

from ikevpn.errors import ConfigError
from ikevpn.model.identity import Identity
from ikevpn.model.names import name_text
from ikevpn.wire.registry import IdType


def subject(text: str) -> x509.Name:
    """A distinguished name, in either order; empty for an empty text. Raises ConfigError."""
    if not text.strip():
        return x509.Name([])
    try:
        return x509.Name.from_bytes(name_text.read(text).write())
    except ValueError as error:
        raise ConfigError(f'"{text}" is not a name like "CN=paris, O=Acme, C=CH": {error}', reason="bad-name") from None


def alternative_name(text: str) -> x509.GeneralName:
    """An address, a host name or an e-mail address. Raises ConfigError."""
    try:
        identity = Identity.of(text)
        if identity.is_address:
            return x509.IPAddress(ip_address(identity.data))
        if identity.type == IdType.FQDN:
            return x509.DNSName(identity.data.decode())
        if identity.type == IdType.USER_FQDN:
            return x509.RFC822Name(identity.data.decode())
    except ValueError:
        pass
    sentence = f'"{text}" is not an address, a host name or an e-mail address, as a subjectAltName has them'
    raise ConfigError(sentence, reason="bad-name")


def alternative_names(texts: Iterable[str]) -> x509.SubjectAlternativeName | None:
    """None: there are none. Raises ConfigError."""
    found = [alternative_name(each) for each in texts]
    return x509.SubjectAlternativeName(found) if found else None
