"""Patterns for distinguished names, as ScreenOS has them for peers of which one entry stands for many.

wildcard:C=us, O=juniper                  each field is among those of the name, in whatever order
container:O=juniper, OU=mkt, OU=west      the fields have exactly these values, in this order

A container says of each field that it names all the values, and in which order they and the fields follow each other;
what else the name has does not matter to either.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ikevpn.model.identity import Identity
from ikevpn.model.names import name_text
from ikevpn.model.names.attributes import word_of
from ikevpn.model.names.distinguished_name import Attribute, DistinguishedName


class PatternKind(StrEnum):
    WILDCARD = "wildcard"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class DnPattern:
    """Which names are meant."""

    kind: PatternKind
    name: DistinguishedName

    @classmethod
    def of(cls, text: str) -> Self | None:
        """None: the text does not begin as a pattern does. Raises ValueError with a sentence."""
        word, colon, rest = text.partition(":")
        if not colon or word not in set(PatternKind):
            return None
        pattern = cls(PatternKind(word), name_text.read(rest))
        fields = [each.oid for each in pattern.name.attributes]
        twice = next((oid for oid in fields if fields.count(oid) > 1), None)
        if pattern.kind is PatternKind.WILDCARD and twice:
            raise ValueError(f"a wildcard has one value of {word_of(twice)}: write container: for several")
        return pattern

    def matches(self, name: DistinguishedName) -> bool:
        """Whether a name is one of those that are meant."""
        wanted, given = _folded(self.name), _folded(name)
        if self.kind is PatternKind.WILDCARD:
            return set(wanted) <= set(given)
        fields = {each.oid for each in wanted}
        return [each for each in given if each.oid in fields] == wanted

    def accepts(self, identity: Identity) -> bool:
        """Whether an identity is a distinguished name that is meant."""
        name = identity.name
        return name is not None and self.matches(name)

    def __str__(self) -> str:
        return f"{self.kind}:{name_text.write(self.name)}"


def _folded(name: DistinguishedName) -> list[Attribute]:
    return [each.folded for each in name.general_first.attributes]
