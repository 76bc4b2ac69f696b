"""As much of DER as a name needs: lengths, and object identifiers (X.690 §8 and §10).

By hand, and not by `cryptography`: that refuses the strings of old gateways (Latin-1 in a TeletexString, an asterisk in
a PrintableString), and loading it for a name would make every command wait for a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SEQUENCE, SET, OID = 0x30, 0x31, 0x06
_MOST_LENGTH_OCTETS = 4
_MOST_ARC = 1 << 64


class Tlv(NamedTuple):
    """One element."""

    tag: int
    value: bytes


def elements(octets: bytes) -> Iterator[Tlv]:
    """The elements that follow each other. Raises ValueError where they do not fill the octets exactly."""
    position = 0
    while position < len(octets):
        tag = octets[position]
        if tag & 0x1F == 0x1F or position + 2 > len(octets):
            raise ValueError("a tag or a length is cut off")
        size, position = _length(octets, position + 1)
        if position + size > len(octets):
            raise ValueError("an element is cut off")
        yield Tlv(tag, octets[position : position + size])
        position += size


def only(octets: bytes, tag: int) -> bytes:
    """The value of the one element that there is. Raises ValueError."""
    found = list(elements(octets))
    if len(found) != 1 or found[0].tag != tag:
        raise ValueError(f"there is not just one element with tag {tag:#x}")
    return found[0].value


def element(tag: int, value: bytes) -> bytes:
    """Tag, length, value."""
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + value


def read_oid(octets: bytes) -> str:
    """Digits and dots. Raises ValueError."""
    if not octets or octets[-1] & 0x80:
        raise ValueError("an object identifier is cut off")
    arcs, arc = [], 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if arc >= _MOST_ARC:
            raise ValueError("an arc of an object identifier is too large")
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def write_oid(oid: str) -> bytes:
    """Raises ValueError where there is no such object identifier."""
    first, second, *arcs = map(int, oid.split("."))
    if first > 2 or (first < 2 and second >= 40) or max(second, *arcs, 0) >= _MOST_ARC - 80:
        raise ValueError(f"{oid} is no object identifier")
    return b"".join(_arc(each) for each in (40 * first + second, *arcs))


def _arc(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(number & 0x7F | 0x80)
    return bytes(reversed(octets))


def _length(octets: bytes, position: int) -> tuple[int, int]:
    first = octets[position]
    if first < 0x80:
        return first, position + 1
    count = first & 0x7F
    end = position + 1 + count
    if not 0 < count <= _MOST_LENGTH_OCTETS or end > len(octets):
        raise ValueError("a length is indefinite, cut off or too large")
    return int.from_bytes(octets[position + 1 : end], "big"), end
