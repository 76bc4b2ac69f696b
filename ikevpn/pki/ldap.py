"""As much of LDAP as it takes to read an attribute of an entry (RFC 4511), and URLs of it (RFC 4516). Pure: octets to
send, octets that came.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ikevpn.errors import ConfigError, PeerError
from ikevpn.model.names import der

PORT = 389
_INTEGER, _OCTETS, _ENUM, _BOOLEAN = 0x02, 0x04, 0x0A, 0x01
_BIND, _BIND_ANSWER, _SEARCH, _ENTRY, _DONE = 0x60, 0x61, 0x63, 0x64, 0x65
_EQUAL, _PRESENT, _SIMPLE = 0xA3, 0x87, 0x80
_SCOPES = {"": 0, "base": 0, "one": 1, "sub": 2}
_TIME_LIMIT_S = 20
_SUCCESS = 0
_HEAD = 6


@dataclass(frozen=True)
class LdapUrl:
    """Where and what: `ldap://host/dn?attribute?scope?(filter)`. Without a host it is for a server named elsewhere."""

    host: str
    port: int
    base: str
    attribute: str
    scope: int
    condition: tuple[str, str] | None

    @classmethod
    def of(cls, text: str, usual_host: str = "") -> LdapUrl:
        """Raises ConfigError."""
        parts = urlsplit(text)
        try:
            port = parts.port or PORT
        except ValueError:
            port = 0
        fields = [unquote(field) for field in [*parts.query.split("?"), "", "", ""][:3]]
        attribute, scope, condition = fields[0].split(",")[0] or "certificateRevocationList", fields[1], fields[2]
        host = parts.hostname or usual_host
        if parts.scheme != "ldap" or not host or not port or scope not in _SCOPES:
            fix = "" if host else ": write --ldap-server"
            raise ConfigError(f"{text} is not a URL of an LDAP server{fix}", reason="bad-url")
        name, equal, value = condition.strip("()").partition("=")
        pair = (name, value) if equal and value != "*" else None
        return cls(host, port, unquote(parts.path.removeprefix("/")), attribute, _SCOPES[scope], pair)


def requests(url: LdapUrl) -> bytes:
    """An anonymous bind and the search, one behind the other."""
    bind = der.element(_INTEGER, b"\x03") + der.element(_OCTETS, b"") + der.element(_SIMPLE, b"")
    return _message(1, _BIND, bind) + _message(2, _SEARCH, _search(url))


def whole(octets: bytes) -> int | None:
    """How many octets the first message has; None: more have to come to tell, or to have it."""
    if len(octets) < _HEAD:
        return None
    size, start = octets[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(octets[2:start], "big")
    return start + size if len(octets) >= start + size else None


@dataclass(frozen=True)
class Answer:
    """What one message brings: values of the attribute, and whether it was the last. Raised errors are the server's."""

    values: tuple[bytes, ...] = ()
    last: bool = False


def read(octets: bytes, url: LdapUrl) -> Answer:
    """One whole message. Raises PeerError where it does not parse or is a refusal."""
    try:
        _, operation, *_ = der.elements(der.only(octets, der.SEQUENCE))
        if operation.tag == _ENTRY:
            return Answer(_values(operation.value, url.attribute))
        if operation.tag in (_BIND_ANSWER, _DONE):
            code, _, message, *_ = der.elements(operation.value)
            if code.value != bytes((_SUCCESS,)):
                said = "".join(each if each.isprintable() else "?" for each in message.value.decode("utf-8", "replace"))
                raise PeerError(f"the LDAP server refuses ({code.value.hex()}): {said or 'it does not say why'}")
            return Answer(last=operation.tag == _DONE)
    except ValueError as error:
        raise PeerError(f"the LDAP server sends what does not parse: {error}") from None
    return Answer()


def _message(number: int, tag: int, body: bytes) -> bytes:
    return der.element(der.SEQUENCE, der.element(_INTEGER, bytes((number,))) + der.element(tag, body))


def _search(url: LdapUrl) -> bytes:
    """§4.5.1: aliases are not followed, no limit of entries."""
    if url.condition is None:
        condition = der.element(_PRESENT, b"objectClass")
    else:
        condition = der.element(_EQUAL, b"".join(der.element(_OCTETS, each.encode()) for each in url.condition))
    return b"".join(
        (
            der.element(_OCTETS, url.base.encode()),
            der.element(_ENUM, bytes((url.scope,))),
            der.element(_ENUM, b"\x00"),
            der.element(_INTEGER, b"\x00"),
            der.element(_INTEGER, bytes((_TIME_LIMIT_S,))),
            der.element(_BOOLEAN, b"\x00"),
            condition,
            der.element(der.SEQUENCE, der.element(_OCTETS, url.attribute.encode())),
        )
    )


def _values(entry: bytes, attribute: str) -> tuple[bytes, ...]:
    """Those of the attribute, whatever follows its name (`;binary`, RFC 4522)."""
    _, attributes = der.elements(entry)
    wanted = attribute.partition(";")[0].lower()
    found = []
    for each in der.elements(attributes.value):
        name, values = der.elements(each.value)
        if name.value.decode("ascii").partition(";")[0].lower() == wanted:
            found += [value.value for value in der.elements(values.value)]
    return tuple(found)
