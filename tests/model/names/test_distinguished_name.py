"""Names against openssl and cryptography, and the comparison of RFC 5280 §7.1."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certs.table import AUTHORITIES, CERTIFICATES
from ikevpn.model.names import der, name_text
from ikevpn.model.names.attributes import ROWS, Tag, oid_of
from ikevpn.model.names.distinguished_name import Attribute, DistinguishedName

COMMON, ORGANISATION, UNIT, COUNTRY = "2.5.4.3", "2.5.4.10", "2.5.4.11", "2.5.4.6"


def subject(folder: Path, name: str) -> x509.Name:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes()).subject


def named(*parts: Attribute) -> DistinguishedName:
    return DistinguishedName(tuple((part,) for part in parts))


@pytest.mark.parametrize("name", [row.name for row in (*AUTHORITIES, *CERTIFICATES)])
def test_names_that_openssl_made(certificates: Path, name: str) -> None:
    theirs = subject(certificates, name)
    ours = DistinguishedName.read(theirs.public_bytes())
    assert ours.write() == theirs.public_bytes()
    assert [(each.oid, each.text) for each in ours.attributes] == [(a.oid.dotted_string, a.value) for a in theirs]
    text = name_text.write(ours)
    assert text.replace(", ", ",").replace("E=", "1.2.840.113549.1.9.1=") == theirs.rfc4514_string()
    assert name_text.read(text).write() == ours.write()


@pytest.mark.parametrize(
    "text",
    (
        "CN=paris, OU=Gateways, O=Acme, C=CH",
        "C=CH, O=Acme, OU=Gateways, CN=paris",
        "c=ch,o=acme,ou=gateways,cn=paris",
        " C = ch ,  O =  ACME , OU=gateways,CN=Paris ",
        'C=CH;O="Acme";OU=Gateways;CN=paris',
        "countryName=CH, organizationName=Acme, 2.5.4.11=Gateways, OID.2.5.4.3=paris",
        r"C=CH,O=\41cme,OU=#0C084761746577617973,CN=p\aris".replace(r"p\aris", "paris"),
    ),
)
def test_spellings_of_one_name(text: str) -> None:
    usual = named(
        Attribute.of(COUNTRY, "CH"),
        Attribute.of(ORGANISATION, "Acme"),
        Attribute.of(UNIT, "Gateways"),
        Attribute.of(COMMON, "paris"),
    )
    found = name_text.read(text)
    assert found.folded == usual.folded
    assert [each.oid for each in found.attributes] == [COUNTRY, ORGANISATION, UNIT, COMMON]


@pytest.mark.parametrize(
    ("one", "other"),
    (
        ("CN=paris", "CN=pariss"),
        ("CN=paris, O=Acme", "CN=paris"),
        ("CN=paris, O=Acme", "CN=paris+O=Acme"),
        ("CN=paris, OU=a, OU=b, C=CH", "CN=paris, OU=b, OU=a, C=CH"),
        ("CN=paris", "OU=paris"),
        ("CN=a b", "CN=ab"),
    ),
)
def test_different_names(one: str, other: str) -> None:
    assert name_text.read(one).folded != name_text.read(other).folded


@pytest.mark.parametrize(
    ("text", "order"),
    (
        ("CN=bob, DC=example, DC=com", "DC=com DC=example CN=bob"),
        ("DC=com, DC=example, CN=bob", "DC=com DC=example CN=bob"),
        ("DC=example, DC=com", "DC=com DC=example"),
        ("OU=mkt, OU=west", "OU=mkt OU=west"),
        ("E=a@b, CN=a", "CN=a E=a@b"),
    ),
)
def test_the_order_of_the_der(text: str, order: str) -> None:
    words = {row.oid: row.words[0] for row in ROWS}
    assert " ".join(f"{words[each.oid]}={each.text}" for each in name_text.read(text).attributes) == order


@pytest.mark.parametrize("tag", (Tag.UTF8, Tag.TELETEX, Tag.UNIVERSAL, Tag.BMP))
def test_kinds_of_string_do_not_count(tag: Tag) -> None:
    codec = {Tag.UTF8: "utf-8", Tag.TELETEX: "latin-1", Tag.UNIVERSAL: "utf-32-be", Tag.BMP: "utf-16-be"}[tag]
    name = named(Attribute(COMMON, tag, "Genève  Est".encode(codec)))
    assert name.folded == name_text.read("CN=GENÈVE EST").folded
    assert name_text.write(name) == "CN=Genève  Est"
    assert DistinguishedName.read(name.write()) == name


def test_values_that_are_no_strings_count_octet_by_octet() -> None:
    number, garbage = Attribute(COMMON, 2, b"\x01"), Attribute(COMMON, Tag.UTF8, b"\xff")
    assert named(number).folded != named(garbage).folded
    assert name_text.write(named(number, garbage)) == "CN=#020101, CN=#0c01ff"
    assert name_text.read("CN=#020101").write() == named(number).write()


def test_strings_as_rfc_5280_wants_them() -> None:
    tags = {each.text: each.tag for each in name_text.read("DC=com, C=CH, O=Acme, serialNumber=1@2, CN=x").attributes}
    assert tags == {"com": Tag.IA5, "CH": Tag.PRINTABLE, "Acme": Tag.UTF8, "1@2": Tag.UTF8, "x": Tag.UTF8}
    theirs = x509.Name.from_bytes(name_text.read("CN=x, O=Acme, C=CH").write())
    assert theirs.rfc4514_string() == "CN=x,O=Acme,C=CH"


@pytest.mark.parametrize(
    ("text", "sentence"),
    (
        ("", "is not a field like CN="),
        ("CN=", "CN has no value"),
        ("CN=a,", "the end is not a field"),
        ("CN=a,,O=b", "is not a field"),
        ("CN=a, XX=b", "XX is no field"),
        ("CN=a, paris", "paris is not a field"),
        ('CN="a" b', "a comma is missing"),
        ("CN=#0c0161ff", "not one value in DER|is cut off"),
        (r"CN=\ff", "is not UTF-8"),
        ("9.9.9=a", "no object identifier"),
    ),
)
def test_what_is_no_name(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        name_text.read(text)


@given(st.binary(max_size=80))
def test_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        DistinguishedName.read(octets)
    except ValueError:
        return


@given(
    st.lists(
        st.builds(
            lambda row, text: (Attribute.of(row.oid, text),),
            st.sampled_from(ROWS),
            st.text(min_size=1, max_size=12).filter(lambda text: text.encode("utf-8", "ignore").decode() == text),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_written_is_read(parts: list[tuple[Attribute, ...]]) -> None:
    name = DistinguishedName(tuple(parts))
    assert DistinguishedName.read(name.write()) == name
    found = name_text.read(name_text.write(name))
    assert found.folded == name.folded
    assert all(each.text for each in found.attributes)


@pytest.mark.parametrize(
    "oid", ("1.2.840.113549.1.9.1", "2.5.4.3", "0.9.2342.19200300.100.1.25", "2.999.1", "1.39.128")
)
def test_object_identifiers(oid: str) -> None:
    theirs = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"")
    assert der.read_oid(der.write_oid(oid)) == theirs.oid.dotted_string == oid


def test_every_word_is_of_one_attribute() -> None:
    words = [word.lower() for row in ROWS for word in row.words]
    assert len(words) == len(set(words))
    assert oid_of("Cn") == COMMON
    assert oid_of("nonsense") is None
