"""Reading a table of TOML by its description in `schema`: what is wrong becomes findings, none stops the walk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from ikevpn.config.finding import Finding, Severity, Unfit, did_you_mean, show
from ikevpn.config.keys.elsewhere import foreign_key
from ikevpn.config.keys.key import REQUIRED, Key, Table, key_of
from ikevpn.config.toml.document import Document, Keys, dotted

T = TypeVar("T")


class Walk:
    """Reads the tables of one document and collects what is wrong with them in `findings`."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.findings: list[Finding] = []

    @property
    def errors(self) -> int:
        """How many errors there are so far."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    def error(self, keys: Keys, unfit: Unfit) -> None:
        """Note that what stands at `keys` cannot be used."""
        where = self.document.where(*keys)
        self.findings.append(Finding(Severity.ERROR, unfit.code, where, unfit.sentence, unfit.fix))

    def warn(self, keys: Keys, unfit: Unfit) -> None:
        """Note that what stands at `keys` can be used, and is probably not what was meant."""
        where = self.document.where(*keys)
        self.findings.append(Finding(Severity.WARNING, unfit.code, where, unfit.sentence, unfit.fix))

    def table(self, columns: type[T], value: object, keys: Keys, hint: str) -> T | None:
        """The table at `keys` as an instance of `columns`, or None where anything in it is wrong."""
        if not isinstance(value, dict):
            self.error(keys, Unfit("this is not a table.", f"Write {hint}"))
            return None
        fields = {field.name: field for field in dataclasses.fields(columns)}  # type: ignore[arg-type]
        before = self.errors
        self._unknown(value, list(fields), keys)
        read: dict[str, object] = {}
        for name, field in fields.items():
            if name in value:
                read[name] = self._value(key_of(field), value[name], (*keys, name))
            elif field.default is REQUIRED:
                self._missing(name, key_of(field), keys)
        return columns(**read) if self.errors == before else None

    def names(self, value: object, allowed: list[str]) -> Mapping[str, Any]:
        """The tables at the top of a document; unknown ones are errors."""
        tables: dict[str, Any] = value if isinstance(value, dict) else {}
        self._unknown(tables, allowed, ())
        return tables

    def _unknown(self, found: Mapping[str, object], allowed: list[str], keys: Keys) -> None:
        """The value of an unknown key is not shown: it may be a secret under a wrong name."""
        for name, value in found.items():
            if name not in allowed and (unfit := foreign_key(name, value) if keys[:1] == ("tunnel",) else None):
                self.error((*keys, name), unfit)
            elif name not in allowed:
                what = "key" if keys else "table"
                fix = did_you_mean(name, allowed) or f"Allowed here: {', '.join(allowed)}."
                self.error((*keys, name), Unfit(f"there is no {what} {show(name)} here.", fix, "unknown-key"))

    def _missing(self, name: str, key: Key, keys: Keys) -> None:
        fix = f"Write {name} = {key.example}" if key.example else ""
        self.error(keys, Unfit(f'the key "{name}" is missing.', fix, "missing-key"))

    def _value(self, key: Key, value: object, keys: Keys) -> object:
        if isinstance(key.kind, Table):
            return self._tables(key.kind, value, keys)
        try:
            return key.kind.read(value)
        except Unfit as unfit:
            self.error(keys, unfit)
            return None

    def _tables(self, kind: Table, value: object, keys: Keys) -> object:
        if not kind.several:
            return self.table(kind.columns, value, keys, _way_to_write(kind, keys))
        hint = _way_to_write(kind, keys)
        if kind.or_one and isinstance(value, dict):
            return (self.table(kind.columns, value, keys, hint),)
        if not isinstance(value, list):
            self.error(keys, Unfit("this is not a list of tables.", f"Write {hint}"))
            return None
        return tuple(self.table(kind.columns, item, (*keys, index), hint) for index, item in enumerate(value))


def _way_to_write(kind: Table, keys: Keys) -> str:
    """The header of the table, with the name of the tunnel, or the key with a table behind it."""
    if kind.hint.startswith("["):
        return kind.hint.replace("tunnel.NAME", dotted(keys[:2]))
    return f"{keys[-1]} = {kind.hint}"
