"""URLs as RFC 4516 and the ScreenOS guide write them, and answers that are none; a real server is in tests/cli/pki."""

from __future__ import annotations

import random

import pytest

from ikevpn.errors import ConfigError, PeerError
from ikevpn.pki import ldap
from ikevpn.pki.ldap import LdapUrl

ENTRUST = (
    "ldap:///CN=Entrust,CN=en2001,CN=PublicKeyServices,CN=Services,CN=Configuration,DC=EN2001,DC=com"
    "?CertificateRevocationList?base?objectclass=CRLDistributionPoint"
)


def test_the_url_of_the_guide_names_no_server() -> None:
    url = LdapUrl.of(ENTRUST, "2.2.2.121")
    assert (url.host, url.port, url.scope, url.attribute) == ("2.2.2.121", 389, 0, "CertificateRevocationList")
    assert url.base.startswith("CN=Entrust,CN=en2001,") and url.condition == ("objectclass", "CRLDistributionPoint")
    with pytest.raises(ConfigError, match="write --ldap-server"):
        LdapUrl.of(ENTRUST)


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("ldap://ca", LdapUrl("ca", 389, "", "certificateRevocationList", 0, None)),
        ("ldap://ca:390/o=a%20b??sub", LdapUrl("ca", 390, "o=a b", "certificateRevocationList", 2, None)),
        (
            "ldap://[2001:db8::1]/o=a?x;binary,y?one?(objectClass=*)",
            LdapUrl("2001:db8::1", 389, "o=a", "x;binary", 1, None),
        ),
    ),
)
def test_urls(text: str, expected: LdapUrl) -> None:
    assert LdapUrl.of(text) == expected


@pytest.mark.parametrize("text", ("", "http://ca/", "ldap://ca:x/", "ldap://ca/o=a?x?tree", "ldaps://ca/o=a"))
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a URL of an LDAP server"):
        LdapUrl.of(text)


def test_octets_of_any_kind() -> None:
    url, drawn = LdapUrl.of("ldap://ca/o=a"), random.Random(1)
    done = bytes.fromhex("300c02010265070a010004000400")
    for _ in range(3000):
        octets = bytearray(done if drawn.random() < 0.7 else drawn.randbytes(drawn.randrange(40)))
        if octets:
            octets[drawn.randrange(len(octets))] = drawn.randrange(256)
        ldap.whole(bytes(octets))
        try:
            ldap.read(bytes(octets), url)
        except PeerError:
            continue
    assert ldap.read(done, url).last
