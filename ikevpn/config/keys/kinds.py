"""Kinds of values: what a key takes, in words and as a function from TOML to a value.

A kind raises `Unfit` and nothing else. What kinds of addresses and names there are stands in `network_kinds`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ikevpn.config.finding import Unfit, did_you_mean, one_of, show

_WITHOUT_QUOTES = (bool, int, float, date, time)  # what TOML makes of a text that lacks them


class Kind(Protocol):
    """`expects` completes "… is not"."""

    @property
    def expects(self) -> str: ...

    def read(self, value: object) -> object:
        """The value for our own use. Raises Unfit."""
        ...


@dataclass(frozen=True)
class YesNo:
    expects: str = "true or false"

    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        guess = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}
        word = guess.get(str(value).lower(), "")
        raise Unfit(f"{show(value)} is not {self.expects}.", f"Write {word}, without quotes." if word else "")


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`, or none of it (0) where `or_zero`."""

    least: int
    most: int
    unit: str = ""
    or_zero: bool = False

    @property
    def expects(self) -> str:
        zero = "0 or " if self.or_zero else ""
        return f"{zero}a whole number{f' of {self.unit}' if self.unit else ''} from {self.least} to {self.most}"

    def read(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self._has(value):
            return value
        quoted = isinstance(value, str) and value.strip().isdigit()
        raise Unfit(f"{show(value)} is not {self.expects}.", "Write numbers without quotes." if quoted else "")

    def _has(self, number: int) -> bool:
        return self.least <= number <= self.most or (self.or_zero and number == 0)


@dataclass(frozen=True)
class Decimal:
    """A number from `least` to `most`, with or without decimals."""

    least: float
    most: float
    unit: str = ""

    @property
    def expects(self) -> str:
        return f"a number{f' of {self.unit}' if self.unit else ''} from {self.least:g} to {self.most:g}"

    def read(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and self.least <= value <= self.most:
            return float(value)
        raise Unfit(f"{show(value)} is not {self.expects}.")


@dataclass(frozen=True)
class Word:
    """A text that matches `pattern`."""

    expects: str
    pattern: str
    fix: str = ""

    def read(self, value: object) -> str:
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return value
        raise Unfit(f"{show(value)} is not {self.expects}.", self.fix)


@dataclass(frozen=True)
class Hidden:
    """What `kind` reads. What it refuses is not shown: it may be a secret."""

    kind: Kind

    @property
    def expects(self) -> str:
        return self.kind.expects

    def read(self, value: object) -> object:
        try:
            return self.kind.read(value)
        except Unfit as unfit:
            fix = "Quote strings." if isinstance(value, _WITHOUT_QUOTES) else unfit.fix
            raise Unfit(f"this is not {self.expects}.", fix) from None


@dataclass(frozen=True)
class Absolute:
    """A path from the root of the file system."""

    expects: str = "an absolute path"

    def read(self, value: object) -> Path:
        if isinstance(value, str) and value.startswith("/") and "\0" not in value:
            return Path(value)
        raise Unfit(f"{show(value)} is not {self.expects}.", "Begin it with a slash.")


@dataclass(frozen=True)
class Choice:
    """One of the words of an enumeration. `elsewhere`: words that are something, though not here, with what to say."""

    words: type[StrEnum]
    elsewhere: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def expects(self) -> str:
        return one_of(self.words)

    def read(self, value: object) -> StrEnum:
        if isinstance(value, str) and value in list(self.words):
            return self.words(value)
        if isinstance(value, str) and value.lower() in self.elsewhere:
            raise Unfit(f"{show(value)}: {self.elsewhere[value.lower()]}", code="not-supported")
        fix = did_you_mean(value.lower(), list(self.words)) if isinstance(value, str) else ""
        raise Unfit(f"{show(value)} is not {self.expects}.", fix)


@dataclass(frozen=True)
class Only:
    """One word, which stands for `meaning`."""

    word: str
    meaning: object

    @property
    def expects(self) -> str:
        return f'"{self.word}"'

    def read(self, value: object) -> object:
        if value == self.word:
            return self.meaning
        fix = did_you_mean(value.lower(), [self.word]) if isinstance(value, str) else ""
        raise Unfit(f"{show(value)} is not {self.expects}.", fix)


@dataclass(frozen=True)
class Switch:
    """`true`, `false`, or something that `other` reads."""

    other: Kind
    true: object
    false: object

    @property
    def expects(self) -> str:
        return f"true, false or {self.other.expects}"

    def read(self, value: object) -> object:
        if isinstance(value, bool):
            return self.true if value else self.false
        try:
            return self.other.read(value)
        except Unfit as unfit:
            raise Unfit(f"{show(value)} is not {self.expects}.", unfit.fix) from None


@dataclass(frozen=True)
class Named:
    """A word that stands for `meaning`, or something that `other` reads."""

    word: str
    meaning: object
    other: Kind

    @property
    def expects(self) -> str:
        return f'"{self.word}" or {self.other.expects}'

    def read(self, value: object) -> object:
        if value == self.word:
            return self.meaning
        try:
            return self.other.read(value)
        except Unfit as unfit:
            raise Unfit(f"{show(value)} is not {self.expects}.", unfit.fix) from None


@dataclass(frozen=True)
class Many:
    """A list of what `item` reads; one alone may stand without brackets. `join` makes the result of all of them."""

    item: Kind
    join: Callable[[list[object]], object] = tuple
    least: int = 0

    @property
    def expects(self) -> str:
        return f"{self.item.expects}, or a list of such"

    def read(self, value: object) -> object:
        items = value if isinstance(value, list) else [value]
        if len(items) < self.least:
            raise Unfit("the list is empty.", f"Write {self.item.expects}.")
        return self.join([self.item.read(item) for item in items])
