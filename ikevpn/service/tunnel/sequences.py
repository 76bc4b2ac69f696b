"""Sequence numbers under keys that outlive the daemon: reserved on disk before any of them is used, so that none is
used twice, whatever ends the daemon and whenever.

In the folder are three files. `numbers` says for every key how far its numbers are reserved; it is written anew beside
the old one, synced, and moved into its place. `keys` names every key that ever had numbers, a line each: a key that is
there and not in `numbers` has lost them, and gets no more. `lock` is held for the moment that it takes.

A key is known by a hash over itself and its SPI; neither can be had from it. Never decides when more are needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ikevpn.errors import HostError
from ikevpn.model.sa import Algorithms
from ikevpn.net.plan import private
from ikevpn.wire.registry import Protocol

LAST = (1 << 32) - 1
_FORMAT = 1
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_Rows = dict[str, dict[str, object]]  # by fingerprint


class Reservation(NamedTuple):
    """The numbers from `used` + 1 to `last` belong to whoever asked for them."""

    used: int
    last: int


@dataclass(frozen=True, slots=True)
class SendingKey:
    """The keys under which a tunnel sends; numbers are unique among packets of one such key and SPI."""

    tunnel: str
    protocol: Protocol
    spi: int
    algorithms: Algorithms

    @property
    def fingerprint(self) -> str:
        """32 hex digits for the keys and the SPI, whatever the tunnel is called."""
        algorithms = self.algorithms
        parts = (
            b"ikevpn sequence numbers",
            bytes([self.protocol.value, algorithms.cipher.value]) + algorithms.integrity.value.to_bytes(2, "big"),
            self.spi.to_bytes(4, "big"),
            algorithms.encryption_key.reveal(),
            algorithms.integrity_key.reveal(),
        )
        return hashlib.sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).hexdigest()[:32]


class Sequences:
    """The numbers of one folder. Several daemons may share it. All methods wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reserve(self, key: SendingKey, count: int) -> Reservation:
        """Up to `count` further numbers for a key; they are on disk when this returns.

        Raises HostError: the folder cannot be written, numbers of this key are lost, or all are used up.
        """
        try:
            private.make_folder(self._folder)
            with _locked(self._folder / "lock"):
                return self._reserve(key, count)
        except OSError as error:
            raise _unwritable(self._folder, error) from None

    def _reserve(self, key: SendingKey, count: int) -> Reservation:
        path, mine = self._folder / "numbers", key.fingerprint
        numbers = _read(path)
        known = mine in _known(self._folder / "keys")
        if known and (numbers is None or mine not in numbers):
            raise _lost(path, key, damaged=numbers is None)
        if numbers is None:
            path.replace(path.with_suffix(".damaged"))  # what other keys had may still be read from it by people
            numbers = {}
        used = int(str(numbers.get(mine, {}).get("reserved", 0)))
        if used >= LAST:
            raise _used_up(key)
        reservation = Reservation(used, min(used + count, LAST))
        numbers[mine] = {"reserved": reservation.last, "spi": f"{key.spi:#010x}", "tunnel": key.tunnel}
        _replace(path, _document(numbers))
        if not known:
            _append(self._folder / "keys", f"\n{mine}\n".encode())
        return reservation


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = private.open_file(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _document(numbers: _Rows) -> bytes:
    body = {"format": _FORMAT, "numbers": numbers}
    return json.dumps({**body, "check": _check(body)}, indent=1, sort_keys=True).encode() + b"\n"


def _check(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> _Rows | None:
    """What stands in the file; nothing where there is none, None where it is damaged."""
    try:
        document = json.loads(path.read_bytes())
        check = document.pop("check")
        if check != _check(document) or document["format"] != _FORMAT:
            return None
        numbers: _Rows = document["numbers"]
        return numbers
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _known(path: Path) -> frozenset[str]:
    """A line that a crash cut off is of a key that got no number yet."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return frozenset()
    return frozenset(line for line in lines if _FINGERPRINT.fullmatch(line))


def _replace(path: Path, octets: bytes) -> None:
    """After a crash there is the old file or the new one, and after this call the new one."""
    fresh = path.with_suffix(".new")
    _write(fresh, octets, os.O_TRUNC)
    fresh.replace(path)
    _sync_folder(path.parent)


def _append(path: Path, octets: bytes) -> None:
    _write(path, octets, os.O_APPEND)
    _sync_folder(path.parent)


def _write(path: Path, octets: bytes, how: int) -> None:
    descriptor = private.open_file(path, os.O_WRONLY | how)
    try:
        while octets:
            octets = octets[os.write(descriptor, octets) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_OTHER_KEYS = "Agree with the peer on another SPI for what we send, or on other keys."
_WITHOUT = "Or do without: replay_window = 0 on both sides, and keep_sequence = false."


def _unwritable(folder: Path, error: OSError) -> HostError:
    reason = (error.strerror or "unknown reason").lower()
    sentence = f"sequence numbers of manual keys cannot be kept in {folder}: {reason}"
    fix = f"Fix that, or write another folder that outlives a reboot as sequences in the [daemon] table. {_WITHOUT}"
    return HostError(sentence, fix=fix, reason="sequence-state")


def _lost(path: Path, key: SendingKey, *, damaged: bool) -> HostError:
    what = f"{path} is damaged" if damaged else f"{path} has lost them"
    sentence = f"which sequence numbers of SPI {key.spi:#x} were used is unknown, because {what}"
    return HostError(sentence, fix=f"{_OTHER_KEYS} {_WITHOUT}", reason="sequence-state")


def _used_up(key: SendingKey) -> HostError:
    sentence = f"all 4294967295 sequence numbers of SPI {key.spi:#x} are used up"
    return HostError(sentence, fix=_OTHER_KEYS, reason="sequence-exhausted")
