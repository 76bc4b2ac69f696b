"""Which identities certificates made by openssl are for."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from ikevpn.model.identity import Identity
from ikevpn.pki.certified import certifies, identities, own_identity
from ikevpn.wire.registry import IdType

SUBJECT = "CN=west.example.com, OU=gateways, O=ikevpn test, C=CH"


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("2001:db8::1", True),
        ("west.example.com", True),
        ("WEST.example.COM", True),
        ("west-rsa.example.com", True),
        ("east.example.com", False),
        ("west@example.com", True),
        ("east@example.com", False),
        (SUBJECT, True),
        (SUBJECT.upper(), True),
        ("C=CH, O=ikevpn test, OU=gateways, CN=west.example.com", True),
        ("CN=west.example.com", False),
        ("keyid:west.example.com", False),
        (f"@{SUBJECT}", False),
    ),
)
def test_a_gateway(certificates: Path, text: str, expected: bool) -> None:
    assert certifies(certificate(certificates, "west-rsa"), Identity.of(text)) is expected


def test_all_kinds_of_names(certificates: Path) -> None:
    found = identities(certificate(certificates, "sans"))
    assert [str(each) for each in found] == [
        "CN=sans, O=ikevpn test, C=CH",
        "sans@example.com",
        "sans.example.com",
        "*.sans.example.com",
        "192.0.2.7",
        "2001:db8::7",
    ]


@pytest.mark.parametrize(
    ("name", "host", "expected"),
    (
        ("west-rsa", "west.example.com", "west.example.com"),
        ("west-rsa", "West.Example.com", "west.example.com"),
        ("west-rsa", "west", "west.example.com"),
        ("west-rsa", "wes", SUBJECT),
        ("west-rsa", "elsewhere.example.com", SUBJECT),
        ("west-rsa", "", SUBJECT),
        ("sans", "a.sans.example.com", "CN=sans, O=ikevpn test, C=CH"),
    ),
)
def test_who_we_are_where_nobody_says(certificates: Path, name: str, host: str, expected: str) -> None:
    assert str(own_identity(certificate(certificates, name), host)) == expected


def test_a_wildcard_stands_for_no_other_name(certificates: Path) -> None:
    assert not certifies(certificate(certificates, "sans"), Identity.of("a.sans.example.com"))


def test_a_host_name_in_the_subject_alone_is_none(certificates: Path) -> None:
    bare = certificate(certificates, "no-names")
    assert not certifies(bare, Identity.of("east.example.com"))
    assert certifies(bare, Identity.of("CN=east.example.com, OU=gateways, O=ikevpn test, C=CH"))


def test_an_address_and_the_same_octets_as_a_name_differ(certificates: Path) -> None:
    assert not certifies(certificate(certificates, "west-rsa"), Identity(IdType.FQDN, bytes((192, 0, 2, 1))))
    assert not certifies(
        certificate(certificates, "west-rsa"), Identity(IdType.GENERAL_NAME, b"\x82\x10west.example.com")
    )
