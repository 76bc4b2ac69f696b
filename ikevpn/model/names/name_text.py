"""Distinguished names as people write them: RFC 4514, with the spaces, quotes and orders of the field.

`CN=paris, O=Acme, C=CH` and `C=CH, O=Acme, CN=paris` are the same name: which end is the general one shows by the
attributes. Where it does not show (`OU=a, OU=b`) the order is that of the DER, but domain components are read as
RFC 4514 has them (`DC=example, DC=com`). Names are written the most specific first, where the order shows.
"""

from __future__ import annotations

import re

from ikevpn.model.names import der
from ikevpn.model.names.attributes import generality_of, oid_of, word_of
from ikevpn.model.names.distinguished_name import Attribute, DistinguishedName, Part

_WORD = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|(?:[oO][iI][dD]\.)?\d+(?:\.\d+)+)\s*=\s*")
_HEX = re.compile(r"#((?:[0-9A-Fa-f]{2})+)\s*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_PLAIN = re.compile(r"(?:[^,;+\\]|\\.)*", re.DOTALL)
_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'([,;+"\\<>])')


def looks_like_a_name(text: str) -> bool:
    """Whether a text begins as a distinguished name does."""
    found = _WORD.match(text)
    return found is not None and oid_of(found[1]) is not None


def read(text: str) -> DistinguishedName:
    """Raises ValueError with a sentence."""
    written = _read_parts(text)
    name = DistinguishedName(tuple(written))
    if _is_of_a_domain(name):
        return DistinguishedName(name.parts[::-1])
    return name.general_first


def write(name: DistinguishedName) -> str:
    """One line, safe to print, which `read` takes for the same name."""
    first, last = (generality_of(name.parts[end][0].oid) for end in (0, -1)) if name.parts else (0, 0)
    parts = name.parts if first == last != 0 else name.parts[::-1]
    return ", ".join("+".join(_write_attribute(each) for each in part) for part in parts)


def _is_of_a_domain(name: DistinguishedName) -> bool:
    """`CN=paris, DC=example, DC=com` and domain components alone."""
    return generality_of(name.parts[-1][0].oid) == 0


def _read_parts(text: str) -> list[Part]:
    parts: list[Part] = []
    position, part = 0, []
    while True:
        attribute, position = _read_attribute(text, position)
        part.append(attribute)
        if position < len(text) and text[position] == "+":
            position += 1
            continue
        parts.append(tuple(part))
        part = []
        if position == len(text):
            return parts
        position += 1  # a comma, or the semicolon of older texts


def _read_attribute(text: str, position: int) -> tuple[Attribute, int]:
    found = _WORD.match(text, position)
    if found is None:
        raise ValueError(f"{text[position:].strip() or 'the end'} is not a field like CN=…")
    oid = oid_of(found[1])
    if oid is None:
        raise ValueError(f"{found[1]} is no field of a distinguished name")
    der.write_oid(oid)
    position = found.end()
    if found := _HEX.match(text, position):
        value = list(der.elements(bytes.fromhex(found[1])))
        if len(value) != 1:
            raise ValueError(f"#{found[1]} is not one value in DER")
        attribute = Attribute(oid, *value[0])
    else:
        found = _QUOTED.match(text, position) or _PLAIN.match(text, position)
        assert found is not None
        plain = found[1] if found.re is _QUOTED else _trimmed(found[0])
        attribute = Attribute.of(oid, _ESCAPED.sub(_unescape, plain))
    if not attribute.octets:
        raise ValueError(f"{word_of(oid)} has no value")
    if found.end() < len(text) and text[found.end()] not in ",;+":
        raise ValueError(f"after {found[0].strip()} a comma is missing")
    return attribute, found.end()


def _trimmed(plain: str) -> str:
    """Without spaces at the end, but for one that is escaped."""
    short = plain.rstrip()
    return short + plain[len(short) : len(short) + 1] if (len(short) - len(short.rstrip("\\"))) % 2 else short


def _unescape(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    try:
        return bytes.fromhex(found[1].replace("\\", "")).decode()
    except UnicodeDecodeError:
        raise ValueError(f"{found[1]} is not UTF-8") from None


def _write_attribute(attribute: Attribute) -> str:
    return f"{word_of(attribute.oid)}={_write_value(attribute)}"


def _write_value(attribute: Attribute) -> str:
    text = attribute.text
    if not text:
        return f"#{der.element(attribute.tag, attribute.octets).hex()}"
    escaped = _SPECIAL.sub(r"\\\1", text)
    if escaped.startswith(("#", " ")):
        escaped = f"\\{escaped}"
    if escaped.endswith(" ") and escaped != "\\ ":
        escaped = f"{escaped[:-1]}\\ "
    return "".join(each if each.isprintable() else _hex(each) for each in escaped)


def _hex(character: str) -> str:
    return "".join(f"\\{octet:02X}" for octet in character.encode("utf-8", "replace"))
