"""IKE fragmentation as Cisco, Microsoft, racoon and strongSwan do it: payload 132, a slice of a whole IKE message.

Fragments are neither encrypted nor authenticated, so what is collected is bounded in number and octets, and only the
finished message, once it verifies, means anything. There is no clock here: the owner drops a `Reassembly` with its SA.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire import header, limits
from ikevpn.wire.reader import Reader
from ikevpn.wire.registry import Flag, PayloadType
from ikevpn.wire.writer import GENERIC_SIZE, pack, with_generic

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


@dataclass(slots=True)
class _Collection:
    """The pieces of one message. Once `done`, they are kept to tell its late copies from the next message."""

    pieces: dict[int, Fragment] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    done: bool = False

    @property
    def octets(self) -> int:
        return sum(len(piece.data) for piece in self.pieces.values())

    def message(self) -> bytes | None:
        """All data in order, or nothing while pieces are missing."""
        last = next((number for number, piece in self.pieces.items() if piece.last), None)
        if last is None or len(self.pieces) != last:
            return None
        return b"".join(self.pieces[number].data for number in range(1, last + 1))


class Reassembly:
    """Collects the fragments of one IKE SA. `drops` counts, by reason, what was thrown away.

    A piece that is sent again is harmless. A piece that contradicts an older one replaces it: peers use the same id for
    every message, so the older one is a late copy left over from a message that is long complete. What is put together
    wrongly that way does not have the length its header says, and is dropped.
    """

    def __init__(self) -> None:
        self._collections: dict[int, _Collection] = {}
        self.drops: Counter[str] = Counter()

    def take(self, fragment: Fragment) -> bytes | None:
        """The whole message if `fragment` completes it (again, if the peer sent it again), else nothing."""
        collection = self._collection(fragment)
        if collection.done:
            return self._again(collection, fragment)
        self._insert(collection, fragment)
        if collection.octets > limits.MESSAGE:
            self._drop(fragment.id, "fragments-too-long")
            return None
        message = collection.message()
        if message is None:
            return None
        try:
            header.read(message)
        except Malformed:
            self._drop(fragment.id, "fragments-inconsistent")
            return None
        collection.done = True
        return message

    def _collection(self, fragment: Fragment) -> _Collection:
        """Where `fragment` belongs; one that is no copy of a finished message's piece begins the next message."""
        found = self._collections.get(fragment.id)
        if found is None or (found.done and found.pieces.get(fragment.number) != fragment):
            self._collections.pop(fragment.id, None)
            found = self._collections[fragment.id] = _Collection()
        if len(self._collections) > limits.REASSEMBLIES:
            self._drop(next(iter(self._collections)), "fragments-crowded-out")
        return found

    def _insert(self, collection: _Collection, fragment: Fragment) -> None:
        pieces = collection.pieces
        for number, piece in list(pieces.items()):
            beyond = (fragment.last and number > fragment.number) or (piece.last and fragment.number > number)
            if beyond or (number == fragment.number and piece != fragment):
                del pieces[number]
                self.drops["fragment-contradicted"] += 1
        pieces[fragment.number] = fragment

    @staticmethod
    def _again(collection: _Collection, fragment: Fragment) -> bytes | None:
        collection.repeated.add(fragment.number)
        if len(collection.repeated) < len(collection.pieces):
            return None
        collection.repeated.clear()
        return collection.message()

    def _drop(self, fragment_id: int, reason: str) -> None:
        del self._collections[fragment_id]
        self.drops[reason] += 1
