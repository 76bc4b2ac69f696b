"""The attributes that names are made of: one row each, the word that people write first.

A row says how general an attribute is, the country first: by that it shows in which order a text was written, and it
names the kind of string in which the value goes on the wire (RFC 5280 §4.1.2.4 and appendix A).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Tag(IntEnum):
    """Kinds of string, X.680 §8.4."""

    UTF8 = 12
    NUMERIC = 18
    PRINTABLE = 19
    TELETEX = 20
    IA5 = 22
    VISIBLE = 26
    UNIVERSAL = 28
    BMP = 30


class Row(NamedTuple):
    """`words`: how it is written, ours first. `generality`: 0 is the most general."""

    oid: str
    words: tuple[str, ...]
    generality: int
    tag: Tag = Tag.UTF8


ROWS = (
    Row("0.9.2342.19200300.100.1.25", ("DC", "domainComponent"), 0, Tag.IA5),  # RFC 4519 §2.4
    Row("2.5.4.6", ("C", "countryName"), 1, Tag.PRINTABLE),  # X.520 §6.3.1
    Row("2.5.4.8", ("ST", "S", "stateOrProvinceName"), 2),  # X.520 §6.3.3
    Row("2.5.4.7", ("L", "localityName"), 3),  # X.520 §6.3.2
    Row("2.5.4.17", ("postalCode",), 4),  # X.520 §6.6.2
    Row("2.5.4.9", ("STREET", "streetAddress"), 4),  # X.520 §6.3.4
    Row("2.5.4.10", ("O", "organizationName"), 5),  # X.520 §6.4.1
    Row("2.5.4.97", ("organizationIdentifier",), 5),  # X.520 §6.4.4
    Row("2.5.4.11", ("OU", "organizationalUnitName"), 6),  # X.520 §6.4.2
    Row("2.5.4.12", ("T", "title"), 7),  # X.520 §6.4.3
    Row("2.5.4.5", ("serialNumber", "SN"), 8, Tag.PRINTABLE),  # X.520 §6.2.9; SN is what ScreenOS calls it
    Row("2.5.4.46", ("dnQualifier",), 8, Tag.PRINTABLE),  # X.520 §6.2.8
    Row("2.5.4.3", ("CN", "commonName"), 9),  # X.520 §6.2.2
    Row("2.5.4.4", ("surname",), 9),  # X.520 §6.2.4
    Row("2.5.4.42", ("givenName", "GN"), 9),  # X.520 §6.2.5
    Row("2.5.4.43", ("initials",), 9),  # X.520 §6.2.6
    Row("2.5.4.44", ("generationQualifier",), 9),  # X.520 §6.2.7
    Row("2.5.4.65", ("pseudonym",), 9),  # X.520 §6.2.10
    Row("0.9.2342.19200300.100.1.1", ("UID", "userid"), 9),  # RFC 4519 §2.39
    Row("1.2.840.113549.1.9.2", ("unstructuredName",), 10),  # RFC 2985 §5.4.3
    Row("1.2.840.113549.1.9.8", ("unstructuredAddress",), 10),  # RFC 2985 §5.4.4
    Row("1.2.840.113549.1.9.1", ("E", "emailAddress", "email"), 11, Tag.IA5),  # RFC 2985 §5.2.1
)
_BY_OID = {row.oid: row for row in ROWS}
_BY_WORD = {word.lower(): row for row in ROWS for word in row.words}
_ELSE = 7
"""An attribute that nobody knows says nothing about the order: between organisation and person."""


def oid_of(word: str) -> str | None:
    """The number of an attribute by any of its words, or by its digits and dots."""
    row = _BY_WORD.get(word.lower())
    if row is not None:
        return row.oid
    digits = word.lower().removeprefix("oid.")
    parts = digits.split(".")
    return digits if len(parts) > 1 and all(part.isdecimal() and part.isascii() for part in parts) else None


def word_of(oid: str) -> str:
    """As it is written; the number where nobody knows it."""
    return _BY_OID[oid].words[0] if oid in _BY_OID else oid


def generality_of(oid: str) -> int:
    """0 is the most general."""
    return _BY_OID[oid].generality if oid in _BY_OID else _ELSE


def tag_of(oid: str) -> Tag:
    """In which kind of string a value is written."""
    return _BY_OID[oid].tag if oid in _BY_OID else Tag.UTF8
