"""Data attributes, RFC 2408 §3.3: the type/value pairs of transforms and of mode-config. Knows their two forms, not
their meaning: a number may come in either form, so compare `.number`, not octets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import pack

_BASIC_BIT = 0x8000
_TYPE_MASK = 0x7FFF
_NUMBER_SIZE = 8


@dataclass(frozen=True, slots=True, repr=False)
class Attribute:
    """One attribute. `type` has 15 bits; a `basic` one carries exactly two octets of `value`, else any number."""

    type: int
    value: bytes
    basic: bool

    @classmethod
    def of(cls, type: int, number: int) -> Self:
        """The shortest usual form of `number`: basic up to 65535, else four octets, else eight."""
        if 0 <= number <= 0xFFFF:
            return cls(int(type), number.to_bytes(2, "big"), True)
        size = 4 if number <= 0xFFFFFFFF else _NUMBER_SIZE
        try:
            return cls(int(type), number.to_bytes(size, "big"), False)
        except OverflowError as error:
            raise UsageError(f"{number} does not fit into an attribute") from error

    @classmethod
    def variable(cls, type: int, value: bytes) -> Self:
        """The variable form with these octets, also for numbers that a peer wants to see that way."""
        return cls(int(type), value, False)

    @property
    def number(self) -> int:
        """The value as a number, whichever form it came in; empty is 0, more than 8 octets are `Malformed`.

        The offset of that error counts from the attribute: where it stood in the datagram is no longer known.
        """
        if len(self.value) > _NUMBER_SIZE:
            raise Malformed(f"attribute {self.type} has {len(self.value)} octets where a number was expected", 0)
        return int.from_bytes(self.value, "big")

    def __repr__(self) -> str:
        # The octets of a variable attribute may be a password (XAUTH): they are counted, not shown.
        value = str(self.number) if self.basic else f"<{len(self.value)} octets>"
        return f"Attribute({self.type}, {value})"


def read_all(source: Reader | bytes, offset: int = 0) -> tuple[Attribute, ...]:
    """All attributes up to the end of a reader, or of `source[offset:]`. Raises `Malformed` only."""
    reader = source if isinstance(source, Reader) else Reader(source, offset)
    found: list[Attribute] = []
    while reader.remaining:
        if len(found) == limits.ATTRIBUTES:
            raise reader.error(f"more than {limits.ATTRIBUTES} attributes")
        kind = reader.u16()
        if kind & _BASIC_BIT:
            found.append(Attribute(kind & _TYPE_MASK, reader.take(2), True))
        else:
            found.append(Attribute(kind, reader.take(reader.u16()), False))
    return tuple(found)


def write_all(attributes: Iterable[Attribute]) -> bytes:
    """The attributes one after the other, each in the form it has."""
    return b"".join(map(_write, attributes))


def _write(attribute: Attribute) -> bytes:
    if not 0 <= attribute.type <= _TYPE_MASK:
        raise UsageError(f"attribute type {attribute.type} does not fit into 15 bits")
    if not attribute.basic:
        return pack("HH", attribute.type, len(attribute.value)) + attribute.value
    if len(attribute.value) != 2:
        raise UsageError(f"the basic attribute {attribute.type} needs 2 octets, not {len(attribute.value)}")
    return pack("H", attribute.type | _BASIC_BIT) + attribute.value
