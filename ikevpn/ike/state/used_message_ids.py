"""Message ids that are used up under one IKE SA: four octets each, and each step costs the same however many there are.

A table with open addressing. Peers choose ids, so that places follow from Python's keyed hash, which they cannot know.
It grows by moving a few entries with each that comes.
"""

from __future__ import annotations

from array import array

_FEW = 16
_MOVED_AT_ONCE = 8


class UsedMessageIds:
    """A set of numbers from 1 to 2^32 - 1 out of which nothing is taken."""

    __slots__ = ("_count", "_left", "_old", "_slots")

    def __init__(self) -> None:
        self._slots = _empty(_FEW)
        self._old = _empty(0)  # the smaller table before
        self._left = 0  # so many places of it, from the start, have not been moved
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return self._slots[_place(self._slots, number)] != 0 or (
            self._left > 0 and self._old[_place(self._old, number)] != 0
        )

    def append(self, number: int) -> None:
        """Fine where it is there already."""
        if number in self:
            return
        self._move()
        if 2 * (self._count + 1) > len(self._slots):
            self._old, self._slots = self._slots, _empty(2 * len(self._slots))
            self._left = len(self._old)
        self._slots[_place(self._slots, number)] = number
        self._count += 1

    def _move(self) -> None:
        """What is moved stays in the old table until all of it is, so that what lies behind it is found there."""
        for _ in range(min(_MOVED_AT_ONCE, self._left)):
            self._left -= 1
            number = self._old[self._left]
            if number:
                self._slots[_place(self._slots, number)] = number
        if not self._left:
            self._old = _empty(0)


def _empty(size: int) -> array[int]:
    return array("I", bytes(4 * size))


def _place(slots: array[int], number: int) -> int:
    """Where the number is, or a free place for it. The size is a power of two, and never all of it is in use."""
    mask = len(slots) - 1
    place = hash(number.to_bytes(4, "big")) & mask
    while slots[place] not in (0, number):
        place = (place + 1) & mask
    return place
