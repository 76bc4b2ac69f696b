"""IKE fragmentation as Cisco, Microsoft, racoon and strongSwan do it: payload 132, a slice of a whole IKE message.

Fragments are neither encrypted nor authenticated, so what is collected is bounded in number and octets, and only the
finished message, once it verifies, means anything. There is no clock here: the owner drops a `Reassembly` with its SA.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire import header
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.octets.writer import GENERIC_SIZE, pack, with_generic
from ikevpn.wire.registry import Flag, PayloadType

_LAST = 1
_FIXED_SIZE = 4
OVERHEAD = header.HEADER_SIZE + GENERIC_SIZE + _FIXED_SIZE
"""Octets of a fragment's datagram that are not data."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One slice. `id` tells messages apart (many peers use 1 for all), `number` counts from 1."""

    payload_type: ClassVar[PayloadType] = PayloadType.FRAGMENT

    id: int
    number: int
    last: bool
    data: bytes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Id, number, flags (bit 0: last; the others are ignored), data. Number 0 and no data are `Malformed`."""
        identity, number, flags = reader.u16(), reader.u8(), reader.u8()
        if number == 0:
            raise reader.error("fragment number 0; they count from 1", back=2)
        if not reader.remaining:
            raise reader.error(f"fragment {number} is empty")
        return cls(identity, number, bool(flags & _LAST), reader.rest())

    def write(self) -> bytes:
        """The body."""
        if self.number == 0 or not self.data:
            raise UsageError(f"fragment {self.number} with {len(self.data)} octets")
        return pack("HBB", self.id, self.number, _LAST if self.last else 0) + self.data


def split(message: bytes, fragment_id: int, size: int) -> list[bytes]:
    """Cut a complete, finished ISAKMP message into datagrams of at most `size` octets each, headers included.

    They carry the cookies and exchange type of the message, message id 0 and no flags. Whether a message is worth
    cutting is the caller's decision; raises `UsageError` if it would need more than 255 pieces.
    """
    room = size - OVERHEAD
    whole = header.read(message)
    if room < 1 or -(-len(message) // room) > limits.FRAGMENTS:
        raise UsageError(f"{len(message)} octets cannot be cut into at most {limits.FRAGMENTS} pieces of {size}")
    outer = replace(whole, next_payload=PayloadType.FRAGMENT, flags=Flag(0), message_id=0)
    starts = range(0, len(message), room)
    pieces = (
        Fragment(fragment_id, number, start == starts[-1], message[start : start + room])
        for number, start in enumerate(starts, 1)
    )
    return [header.write(outer, with_generic(PayloadType.NONE, piece.write())) for piece in pieces]


class Reassembly:
    """Collects the fragments of one IKE SA. `drops` counts, by reason, what was thrown away.

    Fragments may come in any order and more than once. Most peers use one id for all their messages, so the pieces of
    the message finished last are remembered (by hash): late copies of them are collected apart and cannot spoil the
    next message; all of them together are the peer sending that message again. A piece that contradicts those of an
    unfinished message is taken for the beginning of another one: the unfinished message is dropped.
    """

    def __init__(self) -> None:
        self._collecting: dict[tuple[int, bool], dict[int, Fragment]] = {}
        self._finished: dict[int, frozenset[int]] = {}
        self.drops: Counter[str] = Counter()

    def take(self, fragment: Fragment) -> bytes | None:
        """The whole message if `fragment` completes it (again, if the peer sent it again), else nothing."""
        again = hash(fragment) in self._finished.get(fragment.id, ())
        key = fragment.id, again
        pieces = self._collecting.setdefault(key, {})
        if _contradicts(pieces, fragment):
            pieces.clear()
            self.drops["fragments-contradicted"] += 1
        pieces[fragment.number] = fragment
        self._bound(key)
        message = _whole(pieces)
        if message is None:
            return None
        self._collecting.pop(key, None)
        return message if self._finish(fragment.id, pieces, message) else None

    @property
    def octets(self) -> int:
        """How much is kept of messages that are not complete."""
        return sum(len(piece.data) for pieces in self._collecting.values() for piece in pieces.values())

    def _finish(self, fragment_id: int, pieces: dict[int, Fragment], message: bytes) -> bool:
        """Remember a complete message, if it is one by its header."""
        try:
            header.read(message)
        except Malformed:
            self.drops["fragments-inconsistent"] += 1
            return False
        self._collecting.pop((fragment_id, True), None)
        self._finished.pop(fragment_id, None)
        self._finished[fragment_id] = frozenset(map(hash, pieces.values()))
        if len(self._finished) > limits.REASSEMBLIES:
            del self._finished[next(iter(self._finished))]
        return True

    def _bound(self, key: tuple[int, bool]) -> None:
        """Drop what is too much: the message just added to if it is too long, the oldest if there are too many."""
        if len(self._collecting) > limits.REASSEMBLIES:
            del self._collecting[next(iter(self._collecting))]
            self.drops["fragments-crowded-out"] += 1
        pieces = self._collecting[key]
        if sum(len(piece.data) for piece in pieces.values()) > limits.REASSEMBLED:
            pieces.clear()
            del self._collecting[key]
            self.drops["fragments-too-long"] += 1


def _contradicts(pieces: dict[int, Fragment], fragment: Fragment) -> bool:
    """Whether `fragment` and `pieces` cannot be of one message: other octets, or something behind the last one."""
    if fragment.number in pieces:
        return pieces[fragment.number] != fragment
    behind = any(piece.last and piece.number < fragment.number for piece in pieces.values())
    return behind or (fragment.last and any(number > fragment.number for number in pieces))


def _whole(pieces: dict[int, Fragment]) -> bytes | None:
    """All data in order, or nothing while pieces are missing."""
    count = len(pieces)
    if count not in pieces or not pieces[count].last:
        return None
    return b"".join(pieces[number].data for number in range(1, count + 1))
