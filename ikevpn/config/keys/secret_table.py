"""The table that says where a secret is; several tables hold one.

A secret may stand at any of its keys by mistake, so what is refused is shown at none. What is well written and leads
nowhere is shown only where it looks like the name that belongs there (`secrets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ikevpn.config.keys.key import Table, key
from ikevpn.config.keys.kinds import Choice, Hidden, Word
from ikevpn.config.toml.secrets import Encoding

FILE = Hidden(Word("a file name", r"[^\0]+"))
VARIABLE = Hidden(Word("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*"))
TEXT = Hidden(Word("a text of at least one character", r"(?s).+"))


@dataclass(frozen=True, kw_only=True)
class SecretTable:
    """Where a secret is. Exactly one of `file`, `env` and `text` is written."""

    text_usual: ClassVar[bool] = True

    file: str | None = key(
        FILE,
        "A file with the secret, as seen from the folder of the configuration file. It must be private: `chmod 600`.",
        '"paris.psk"',
        None,
    )
    env: str | None = key(
        VARIABLE,
        "An environment variable with the secret, for containers that have no better way.",
        '"PARIS_PSK"',
        None,
    )
    text: str | None = key(
        TEXT,
        "The secret itself; refused unless the configuration file is private (`chmod 600`).",
        '"…"',
        None,
    )
    encoding: Encoding = key(
        Hidden(Choice(Encoding)),
        "How the secret is written: as it is, as hex digits, or as base64.",
        '"hex"',
        Encoding.TEXT,
    )


SECRET = Table(SecretTable, '{ file = "paris.psk" }')
