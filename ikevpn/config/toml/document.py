"""One TOML file: its tables, and the lines on which they stand so that errors can point at them.

Knows nothing of what the tables mean.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ikevpn.config.finding import ConfigErrors, Finding, Severity
from ikevpn.config.toml import files

Keys = tuple[str | int, ...]

_BARE = r"(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')"
_PATH = rf"{_BARE}(?:\s*\.\s*{_BARE})*"
_HEADER = re.compile(rf"^\s*(\[\[?)\s*({_PATH})\s*\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(rf"^\s*({_PATH})\s*=")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Document:
    """A file that was read. `path` is shown as the user named it, `status` is that of what was read."""

    path: Path
    status: os.stat_result
    tables: Mapping[str, object]
    lines: Mapping[Keys, int]

    def where(self, *keys: str | int) -> str:
        """`ikevpn.toml:7: tunnel.paris.mode`; the line of the nearest thing around where `keys` has none of its own."""
        line = self._line_of(keys)
        return f"{self.path}{f':{line}' if line else ''}" + (f": {dotted(keys)}" if keys else "")

    def _line_of(self, keys: Keys) -> int:
        """Of the thing itself or the first in it, else of what it is in; 0 where that is nowhere either."""
        known = (keys[:length] for length in range(len(keys), 0, -1))
        return next((self.lines[each] for each in known if each in self.lines), 0)


def dotted(keys: Keys) -> str:
    """`tunnel.paris.selector[2].local`; lists count from 1."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key + 1}]"
        else:
            bare = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
            text += f".{bare}" if text else bare
    return text


def read(path: Path) -> Document:
    """Read and parse one file. Raises ConfigErrors: not there, not readable, not a file, not UTF-8, not TOML."""
    file = _open(path)
    try:
        text = file.octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _error(
            "not-utf-8", path, f"the file is not UTF-8: octet {error.start + 1} fits no character.", "Save it as UTF-8."
        ) from None
    text = text.removeprefix("\ufeff")  # some editors put a byte order mark in front, which TOML does not know
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, text, str(error)) from None
    except ValueError:  # what Python says of an integer with thousands of digits
        raise _error("not-toml", path, "a number in the file has too many digits.") from None
    except RecursionError:
        raise _error("not-toml", path, "brackets in the file are nested too deeply.") from None
    return Document(path, file.status, tables, _lines(text))


def _open(path: Path) -> files.File:
    try:
        file = files.read(path)
    except FileNotFoundError:
        raise _error("no-file", path, "there is no such file.", "Name another with --config, or write it.") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if not file.is_regular:
        raise _error("no-file", path, "this is not a regular file.", "Name a file of TOML, or a folder of such.")
    return file


def unreadable(path: Path, error: OSError) -> ConfigErrors:
    """The one error about a file or folder that the host does not let us read."""
    return _error("unreadable", path, f"it cannot be read: {(error.strerror or 'unknown reason').lower()}.")


def _error(code: str, where: object, sentence: str, fix: str = "") -> ConfigErrors:
    return ConfigErrors([Finding(Severity.ERROR, code, str(where), sentence, fix)])


def _not_toml(path: Path, text: str, message: str) -> ConfigErrors:
    """The parser's own words, with the place in front. The line itself is not shown: it may hold a secret."""
    at = _AT.search(message)
    line, column = (at[1], at[2]) if at and at[1] else (str(max(1, len(text.splitlines()))), "end")
    sentence = f"this is not TOML: {_AT.sub('', message)[:1].lower()}{_AT.sub('', message)[1:]}."
    return _error("not-toml", f"{path}:{line}:{column}", sentence, _advice(text.splitlines(), int(line)))


_BARE_VALUE = re.compile(r"^\s*[\w.-]+\s*=\s*[^\s\"'\[{\d+-]")


def _advice(lines: list[str], number: int) -> str:
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    if _BARE_VALUE.match(line) and not re.search(r"=\s*(true|false)\s*(#.*)?$", line):
        return 'Quote strings: key = "value".'
    if re.match(r"^\s*[\w.-]+\s*=\s*\d+(\.\d+){2}", line):
        return 'Quote addresses: key = "192.0.2.1".'
    return ""


def _lines(text: str) -> dict[Keys, int]:
    """Where tables and keys stand. Inside multi-line texts this may see too much, which costs no more than a line."""
    lines: dict[Keys, int] = {}
    counts: dict[Keys, int] = {}
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _resolve(_split(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            found = table
        elif assignment := _ASSIGNMENT.match(line):
            found = (*table, *_split(assignment[1]))
        else:
            continue
        for length in range(1, len(found) + 1):
            lines.setdefault(found[:length], number)
    return lines


def _split(path: str) -> Keys:
    return tuple(part.strip("\"'") for part in re.findall(_BARE, path))


def _resolve(keys: Keys, counts: Mapping[Keys, int]) -> Keys:
    """A header names a list of tables without a number and means its last one."""
    resolved: Keys = ()
    for index, key in enumerate(keys):
        resolved = (*resolved, key)
        if index < len(keys) - 1 and resolved in counts:
            resolved = (*resolved, counts[resolved])
    return resolved
