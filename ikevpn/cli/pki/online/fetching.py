"""A CRL from where a URL says: HTTP, HTTPS or LDAP; one bounded answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from ikevpn.cli.pki.online import http
from ikevpn.errors import HostError
from ikevpn.pki import ldap
from ikevpn.pki.scep.enrolment import HttpRequest

_TIMEOUT_S = 20.0
_MOST_OCTETS = 64 << 20
_READ = 1 << 16


def fetch(url: str, ldap_server: str = "") -> bytes:
    """Raises ConfigError for what is no URL, HostError where there is no answer, PeerError where it is no good one."""
    if urlsplit(url).scheme == "ldap":
        return _by_ldap(ldap.LdapUrl.of(url, ldap_server))
    return http.fetch(HttpRequest(url), _MOST_OCTETS)


def _by_ldap(url: ldap.LdapUrl) -> bytes:
    """The first value of the attribute in what the search finds."""
    where = f"ldap://{url.host}:{url.port}"
    try:
        with socket.create_connection((url.host, url.port), _TIMEOUT_S) as server:
            server.settimeout(_TIMEOUT_S)
            server.sendall(ldap.requests(url))
            for message in _messages(server):
                answer = ldap.read(message, url)
                if answer.values:
                    return answer.values[0]
                if answer.last:
                    break
    except OSError as error:
        reason = (error.strerror or str(error) or "no answer").lower()
        raise HostError(f"{where} cannot be reached: {reason}", reason="no-answer") from None
    raise HostError(f"{where} has no {url.attribute} at {url.base or 'its root'}", reason="no-answer")


def _messages(server: socket.socket) -> Iterator[bytes]:
    """One after the other, until the server closes the connection."""
    octets = b""
    while len(octets) < _MOST_OCTETS:
        while (size := ldap.whole(octets)) is not None:
            yield octets[:size]
            octets = octets[size:]
        more = server.recv(_READ)
        if not more:
            return
        octets += more
