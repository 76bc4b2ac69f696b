"""What is wrong or unwise in a configuration: one finding each, and the exception that carries all errors at once.

A finding never shows the value of a key that may hold a secret.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from ikevpn.errors import ConfigError

_LONGEST = 60
_LONGEST_BITS = 64  # TOML promises no more, and Python writes only so many digits


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable, `where` is `file:line: table.key`, `sentence` says what, `fix` what to write instead."""

    severity: Severity
    code: str
    where: str
    sentence: str
    fix: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.where}:", self.sentence, self.fix) if part)


class ConfigErrors(ConfigError):
    """All errors of a configuration. `str(error)` has one line an error, each naming its place and its fix."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        super().__init__("\n".join(map(str, self.findings)), where=first.where, fix=first.fix, reason=first.code)


class Unfit(Exception):
    """A value that its key does not take; raised by kinds, turned into a finding where the place is known."""

    def __init__(self, sentence: str, fix: str = "", code: str = "bad-value") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fix = fix
        self.code = code


def show(value: object) -> str:
    """A value of TOML as it may be written there, cut where it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > _LONGEST_BITS:
        return "so large a number"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2]}…{text[-1]}"


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    quoted = [f'"{word}"' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def nearest(word: str, candidates: Sequence[str]) -> str:
    """The candidate that was probably meant, or nothing: a longer form of the word first, else the most similar."""
    longer = [candidate for candidate in candidates if candidate.startswith(word)] if word else []
    similar = difflib.get_close_matches(word, candidates, 1, 0.6)
    return (longer or similar or [""])[0]


def did_you_mean(word: str, candidates: Sequence[str]) -> str:
    """`Did you mean "main"?`, or nothing where no candidate is near."""
    near = nearest(word, candidates)
    return f'Did you mean "{near}"?' if near else ""
