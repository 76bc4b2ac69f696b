"""The folder of keys and certificates.

Under one name there may be NAME.key (PKCS#8, mode 0600), NAME.crt (PEM: the certificate, then those between it and the
root), NAME.csr (the request) and NAME.crl; an authority of ours has NAME.index and NAME.crlnumber, too. Whatever is
written replaces the older file in one step, or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from ikevpn.errors import ConfigError, HostError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")
_PUBLIC, _PRIVATE = 0o644, 0o600
_MOST_OCTETS = 16 << 20


class Kind(StrEnum):
    """What a file holds, by its ending."""

    KEY = "key"
    CERTIFICATE = "crt"
    REQUEST = "csr"
    CRL = "crl"
    INDEX = "index"
    CRL_NUMBER = "crlnumber"


_WORDS = {
    Kind.KEY: "private key",
    Kind.CERTIFICATE: "certificate",
    Kind.REQUEST: "certificate request",
    Kind.CRL: "CRL",
    Kind.INDEX: "list of issued certificates",
    Kind.CRL_NUMBER: "CRL number",
}


class Store:
    """What is in such a folder. The folder need not exist until something is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str, kind: Kind) -> Path:
        """Where it is, or would be. Raises ConfigError for what cannot be a name."""
        if not _NAME.fullmatch(name) or name.rpartition(".")[2] in set(Kind):
            sentence = f'"{name}" cannot be the name of a key or certificate: use letters, digits and . _ @ -'
            raise ConfigError(sentence, reason="bad-name")
        return self.folder / f"{name}.{kind}"

    def names(self) -> list[str]:
        """Every name of which there is anything. Raises HostError."""
        try:
            files = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _refused("read", self.folder, error) from None
        endings = {f".{kind}" for kind in Kind}
        found = {path.stem for path in files if path.suffix in endings}
        return sorted(name for name in found if _NAME.fullmatch(name))

    def kinds(self, name: str) -> list[Kind]:
        """What there is of a name."""
        return [kind for kind in Kind if self.has(name, kind)]

    def has(self, name: str, kind: Kind) -> bool:
        """Whether there is such a file."""
        return self.path(name, kind).exists()

    def read(self, name: str, kind: Kind) -> bytes:
        """Raises ConfigError where there is none, HostError where it cannot be read; a key must be private."""
        path = self.path(name, kind)
        try:
            with path.open("rb") as file:
                if kind is Kind.KEY:
                    _check_private(path, os.fstat(file.fileno()))
                return file.read(_MOST_OCTETS)
        except FileNotFoundError:
            raise ConfigError(f"there is no {_WORDS[kind]} {path}", reason=f"no-{kind}") from None
        except OSError as error:
            raise _refused("read", path, error) from None

    def refuse_to_replace(self, name: str, kind: Kind, replacing: bool) -> None:
        """Raises ConfigError where there is such a file already; unless it is to be replaced."""
        if not replacing and self.has(name, kind):
            sentence = f"there is a {_WORDS[kind]} {self.path(name, kind)} already: --force replaces it"
            raise ConfigError(sentence, reason="exists")

    def write(self, name: str, kind: Kind, octets: bytes, *, replacing: bool = False) -> Path:
        """Raises ConfigError where there is such a file already and it is not to be replaced, and HostError."""
        self.refuse_to_replace(name, kind, replacing)
        path = self.path(name, kind)
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace(path, octets, _PRIVATE if kind is Kind.KEY else _PUBLIC)
        except OSError as error:
            raise _refused("write", path, error) from None
        return path

    def delete(self, name: str, kinds: Iterable[Kind]) -> list[Path]:
        """The files that were removed. Raises HostError."""
        removed = []
        for path in (self.path(name, kind) for kind in kinds):
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _refused("remove", path, error) from None
            removed.append(path)
        return removed


def replace(path: Path, octets: bytes, mode: int) -> None:
    """Write a file anew so that at any moment it has the old or the new content, and never other rights. Raises
    OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            os.fchmod(file.fileno(), mode)
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - a name, not a path
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def _check_private(path: Path, status: os.stat_result) -> None:
    if stat.S_IMODE(status.st_mode) & 0o077:
        sentence = f"the private key {path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o})"
        raise HostError(
            sentence, fix=f"chmod 600 {path}; if others had access, make a new key", reason="key-not-private"
        )
    if status.st_uid not in (0, os.geteuid()):
        sentence = f"the private key {path} belongs to user {status.st_uid}, who could change it"
        raise HostError(sentence, fix=f"chown root {path}", reason="key-not-private")


def _refused(verb: str, path: Path, error: OSError) -> HostError:
    reason = (error.strerror or "unknown reason").lower()
    return HostError(f"cannot {verb} {path}: {reason}", fix="run as root, or name another folder with --directory")
