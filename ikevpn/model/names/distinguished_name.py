"""A distinguished name: the value, its DER, and when two are the same (RFC 5280 §4.1.2.4 and §7.1).

The order of the parts is that of the DER, usually the country first. `folded` makes one value of all spellings of a
name, the reversed order included: certificates are written both ways, and so are texts about them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Self

from ikevpn.model.names import der
from ikevpn.model.names.attributes import Tag, generality_of, tag_of

_CODECS = {
    Tag.UTF8: "utf-8",
    Tag.NUMERIC: "ascii",
    Tag.PRINTABLE: "latin-1",
    Tag.TELETEX: "latin-1",  # X.690 says T.61; what people write is Latin-1 (RFC 5280, appendix B)
    Tag.IA5: "latin-1",
    Tag.VISIBLE: "ascii",
    Tag.UNIVERSAL: "utf-32-be",
    Tag.BMP: "utf-16-be",
}
_MOST_PARTS = 64


@dataclass(frozen=True, slots=True)
class Attribute:
    """Type and value. `octets` are the value as it is in the DER, `tag` the kind of string."""

    oid: str
    tag: int
    octets: bytes

    @classmethod
    def of(cls, oid: str, text: str) -> Self:
        """In the kind of string that belongs to the attribute, if the text can be written so, else in UTF-8."""
        tag = tag_of(oid)
        plain = text.isascii() and not (tag is Tag.PRINTABLE and set(text) & set('*@_&#!"$%;<>[\\]^`{|}~'))
        return cls(oid, tag if plain else Tag.UTF8, text.encode())

    @property
    def text(self) -> str | None:
        """None: it is no string, or not one of its kind."""
        try:
            return self.octets.decode(_CODECS[Tag(self.tag)])
        except ValueError:
            return None

    @property
    def folded(self) -> Attribute:
        """Case and spaces do not count, nor does the kind of string (RFC 4518 §2, as RFC 5280 §7.1 has it)."""
        text = self.text
        if text is None:
            return self
        plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
        return Attribute(self.oid, Tag.UTF8, unicodedata.normalize("NFKC", plain).encode())

    @property
    def der(self) -> bytes:
        value = der.element(self.tag, self.octets)
        return der.element(der.SEQUENCE, der.element(der.OID, der.write_oid(self.oid)) + value)


Part = tuple[Attribute, ...]
"""One relative distinguished name; of several attributes the order says nothing."""


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """Relative distinguished names, in the order of the DER."""

    parts: tuple[Part, ...]

    @classmethod
    def read(cls, octets: bytes) -> Self:
        """From DER. Raises ValueError."""
        parts = tuple(_read_part(each) for each in der.elements(der.only(octets, der.SEQUENCE)))
        if len(parts) > _MOST_PARTS:
            raise ValueError("the name has too many parts")
        return cls(parts)

    def write(self) -> bytes:
        """The DER."""
        sets = (der.element(der.SET, b"".join(sorted(each.der for each in part))) for part in self.parts)
        return der.element(der.SEQUENCE, b"".join(sets))

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        return tuple(attribute for part in self.parts for attribute in part)

    @property
    def general_first(self) -> Self:
        """The country before the person, whichever way it was written; as it is where that does not show."""
        ends = [generality_of(self.parts[end][0].oid) for end in (0, -1)] if self.parts else [0, 0]
        return type(self)(self.parts[::-1]) if ends[0] > ends[1] else self

    @property
    def plain(self) -> DistinguishedName:
        """The same value for all spellings of the name in this order, as paths compare names (RFC 5280 §7.1)."""
        return DistinguishedName(tuple(tuple(each.folded for each in part) for part in self.parts))

    @property
    def folded(self) -> bytes:
        """The same octets for all spellings of the name, in either order."""
        plain = self.plain
        return min(plain.write(), DistinguishedName(plain.parts[::-1]).write())


def _read_part(element: der.Tlv) -> Part:
    if element.tag != der.SET:
        raise ValueError("a part of the name is no set")
    part = tuple(_read_attribute(each) for each in der.elements(element.value))
    if not 0 < len(part) <= _MOST_PARTS:
        raise ValueError("a part of the name is empty, or too large")
    return part


def _read_attribute(element: der.Tlv) -> Attribute:
    if element.tag != der.SEQUENCE:
        raise ValueError("an attribute of the name is no sequence")
    pair = list(der.elements(element.value))
    if len(pair) != 2 or pair[0].tag != der.OID:
        raise ValueError("an attribute of the name is not a type and a value")
    return Attribute(der.read_oid(pair[0].value), pair[1].tag, pair[1].value)
