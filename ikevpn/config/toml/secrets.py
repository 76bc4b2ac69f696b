"""Secrets: where they are kept, and the checks that they are kept well. Never shows one, nor a part of one.

A file with a secret is a regular file, owned by root or by us, which group and others may not read. What stands in it
is the secret, without the line end at its end; with `encoding` it may be written as hex digits or base64.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ikevpn.config.finding import Unfit
from ikevpn.config.toml import files
from ikevpn.model.secret import Secret

LONGEST = 4096
_BYTE_ORDER_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""What some editors put in front of a text, unseen."""
_FILE_NAME = re.compile(r"\.{0,2}/.+|[\w./-]*\w\.[A-Za-z][\w-]*")
"""From the root or from a folder on, or with an ending."""
_VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_A_NAME = "file takes the name of a file, not the secret."


class Encoding(StrEnum):
    TEXT = "text"
    HEX = "hex"
    BASE64 = "base64"


class Found(NamedTuple):
    """What stands at a place for a secret, and the place in words."""

    octets: bytes
    source: str


def read_file(folder: Path, name: str) -> Found:
    """What stands in a file, named as seen from `folder`. Raises Unfit: no file, not readable, not regular, open.

    A name that is no file's is shown only where it looks like one: else it may be the secret, at the wrong key.
    """
    path, shown = folder / name, bool(_FILE_NAME.fullmatch(name))
    try:
        file = files.read(path, LONGEST + 1)
    except FileNotFoundError:
        if not shown:
            raise Unfit(f"there is no such file in {folder}.", _A_NAME, "no-secret-file") from None
        raise Unfit(f"there is no file {path}.", f"Make it: (umask 077; cat > {path})", "no-secret-file") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        what, fix = (f"the file {path}", _readable(path)) if shown else ("the file", _A_NAME)
        raise Unfit(f"{what} cannot be read: {reason}.", fix, "unreadable-secret") from None
    check_private(path, file.status)
    return Found(file.octets, f"the file {path}")


def check_private(path: Path, status: os.stat_result) -> None:
    """Raises Unfit unless `status` is of a regular file that is private to root or to us."""
    if not stat.S_ISREG(status.st_mode):
        raise Unfit(f"{path} is not a regular file.", "Name a file.", "secret-not-a-file")
    if status.st_uid not in (0, os.geteuid()):
        raise Unfit(
            f"the file {path} belongs to user {status.st_uid}, who could change it.",
            f"Run: chown root {path}",
            "secret-owner",
        )
    if status.st_mode & 0o077:
        who = "everybody on this machine" if status.st_mode & 0o007 else "its group"
        raise Unfit(
            f"the file {path} is open to {who} (mode {stat.S_IMODE(status.st_mode):04o}).",
            f"Run: chmod 600 {path}",
            "secret-not-private",
        )


def read_environment(name: str, environment: Mapping[str, str]) -> Found:
    """What stands in an environment variable. Raises Unfit, and shows only names as variables usually have them."""
    if name not in environment:
        if not _VARIABLE_NAME.fullmatch(name):
            fix = "env takes the name of a variable, not the secret."
            raise Unfit("there is no such environment variable.", fix, "no-secret-variable")
        raise Unfit(f"the environment variable {name} is not set.", code="no-secret-variable")
    return Found(os.fsencode(environment[name]), f"the environment variable {name}")


def decode(found: Found, encoding: Encoding, *, text_usual: bool = True) -> Secret:
    """The secret that is meant by what was found. Raises Unfit: empty, too long, wrong encoding.

    Unless `text_usual`, nobody is told to take the octets of a text for the secret.
    """
    octets, source = found
    octets = octets.removesuffix(b"\n").removesuffix(b"\r")
    if octets.startswith(_BYTE_ORDER_MARKS):
        sentence = f"{source} begins with a byte order mark, which the peer's secret does not have."
        raise Unfit(sentence, "Save it as UTF-8 without one.", "bad-secret")
    if len(octets) > LONGEST:
        raise Unfit(f"{source} holds more than {LONGEST} octets, which is no secret.", code="bad-secret")
    try:
        if encoding == Encoding.HEX:
            octets = bytes.fromhex(octets.decode("ascii").removeprefix("0x"))
        elif encoding == Encoding.BASE64:
            octets = base64.b64decode(octets.removeprefix(b"0s"), validate=True)
    except (ValueError, binascii.Error):
        fix = 'Fix it, or write encoding = "text".' if text_usual else "Fix it."
        raise Unfit(f"{source} does not hold {encoding.value}.", fix) from None
    if not octets:
        raise Unfit(f"{source} is empty.", "Put the secret into it; 20 random characters are good.", "empty-secret")
    return Secret(octets)


def fingerprint(secret: Secret) -> str:
    """Four hex digits by which two people can tell whether they have the same secret.

    So short and so slow to compute that it helps nobody who guesses: 65536 secrets share each value.
    """
    digest = hashlib.scrypt(secret.reveal(), salt=b"ikevpn pre-shared key fingerprint", n=4096, r=8, p=1, dklen=2)
    return digest.hex()


def _readable(path: Path) -> str:
    return f"Run as the user who may read it, or: chown {os.geteuid()} {path}" if os.geteuid() else ""
