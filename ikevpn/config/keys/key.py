"""What the schema is made of: a table is a dataclass, and each of its fields is described by a `Key`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ikevpn.config.keys.kinds import Kind

REQUIRED = dataclasses.MISSING


@dataclass(frozen=True)
class Table:
    """A kind that is a table of its own, or with `several` a list of tables; `hint` is how to write it.

    `or_one`: one of them may stand without the list.
    """

    columns: type[Any]
    hint: str
    several: bool = False
    or_one: bool = False

    @property
    def expects(self) -> str:
        return f"a table: {self.hint}"

    def read(self, value: object) -> object:
        """Tables are read by `walk`, which knows where they stand."""
        raise TypeError("a table is read by ikevpn.config.keys.walk")


@dataclass(frozen=True)
class Key:
    """What there is to know of one key. `shown_default` is the default in words where TOML cannot say it."""

    kind: Kind
    sentence: str
    example: str
    shown_default: str = ""


def key(kind: Kind, sentence: str, example: str, default: object = REQUIRED, shown: str = "") -> Any:
    """A field of a table. `example` is TOML, `default` the value (not TOML), `shown` how the reference words it."""
    metadata = {"key": Key(kind, sentence, example, shown)}
    if default is REQUIRED:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def key_of(field: dataclasses.Field[Any]) -> Key:
    """The description of a field made by `key`."""
    description: Key = field.metadata["key"]
    return description
