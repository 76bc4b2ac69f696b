"""Identities of each type: read, printed, compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from ikevpn.model.identity import Identity
from ikevpn.wire.registry import IdType


@pytest.mark.parametrize(
    ("text", "type_", "printed"),
    (
        ("192.0.2.1", IdType.IPV4_ADDRESS, "192.0.2.1"),
        ("2001:db8::1", IdType.IPV6_ADDRESS, "2001:db8::1"),
        ("paris.example.com", IdType.FQDN, "paris.example.com"),
        ("@paris", IdType.FQDN, "paris"),
        ("alice@example.com", IdType.USER_FQDN, "alice@example.com"),
        ("keyid:abc", IdType.KEY_ID, "keyid:abc"),
        ("keyid:0xff", IdType.KEY_ID, "keyid:0xff"),
        ("CN=paris, O=Acme", IdType.DN, "CN=paris, O=Acme"),
        ("o=Acme,cn=paris", IdType.DN, "CN=paris, O=Acme"),
        ("@CN=paris", IdType.FQDN, "CN=paris"),
    ),
)
def test_what_people_write(text: str, type_: IdType, printed: str) -> None:
    found = Identity.of(text)
    assert found.type == type_
    assert str(found) == printed


@pytest.mark.parametrize("text", ("", "CN=", "CN=a, paris", "keyid:0xzz"))
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Identity.of(text)


def test_a_distinguished_name_matches_the_certificate_in_either_order(certificates: Path) -> None:
    subject = x509.load_pem_x509_certificate((certificates / "west-rsa.crt").read_bytes()).subject.public_bytes()
    sent = Identity(IdType.DN, subject)
    for text in (
        "CN=West.example.com, OU=gateways, O=ikevpn  test, C=ch",
        "C=CH, O=ikevpn test, OU=gateways, CN=west.example.com",
    ):
        assert Identity.of(text).matches(sent)
        assert Identity.of(text).folded == sent.folded
    assert not Identity.of("CN=east.example.com, OU=gateways, O=ikevpn test, C=CH").matches(sent)


def test_what_does_not_parse_is_compared_octet_by_octet() -> None:
    broken = Identity(IdType.DN, b"\x30\x05abc")
    assert broken.matches(Identity(IdType.DN, b"\x30\x05abc"))
    assert not broken.matches(Identity(IdType.DN, b"\x30\x05ABC"))
    assert str(broken).endswith("3005616263")
    assert broken.name is None
    assert str(Identity(IdType.DN, b"0\x00")).endswith(":3000")


@pytest.mark.parametrize(
    ("name", "printed"),
    (
        (x509.DNSName("a.example.com"), "DNS: a.example.com"),
        (x509.RFC822Name("a@example.com"), "email: a@example.com"),
        (x509.UniformResourceIdentifier("https://a"), "URI: https://a"),
        (x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), "registered ID: 1.2.3"),
        (x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])), "directory name: CN=a"),
    ),
)
def test_general_names_are_printed(name: x509.GeneralName, printed: str) -> None:
    sequence = x509.SubjectAlternativeName([name]).public_bytes()
    assert str(Identity(IdType.GENERAL_NAME, sequence[2:])) == f"general name, {printed}"


def test_a_general_name_that_does_not_parse() -> None:
    assert str(Identity(IdType.GENERAL_NAME, b"\x87\x01a")) == "general name: 870161"
    assert str(Identity(IdType.GENERAL_NAME, b"")) == "general name: "
