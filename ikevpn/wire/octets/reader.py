"""The only way in which octets of a peer are touched: a cursor that cannot leave its bounds.

A `Reader` never returns less than it was asked for and raises nothing but `Malformed`, whose offset counts from the
start of the datagram (`origin` is where our data begins in it). It never interprets what it hands out.
"""

from __future__ import annotations

from ikevpn.errors import Malformed


class Reader:
    """A cursor over `data[offset:end]`; numbers are unsigned and big-endian."""

    __slots__ = ("_data", "_end", "_origin", "_position")

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None, *, origin: int = 0) -> None:
        """Read `data` from `offset` up to `end` (default: all of it). Bounds outside the data are `Malformed`."""
        limit = len(data) if end is None else end
        if not 0 <= offset <= limit <= len(data):
            raise Malformed(f"octets {offset} to {limit} are not within the {len(data)} there are", origin + offset)
        self._data = data
        self._position = offset
        self._end = limit
        self._origin = origin

    @property
    def position(self) -> int:
        """Index into `data` of the next octet."""
        return self._position

    @property
    def remaining(self) -> int:
        """How many octets are left."""
        return self._end - self._position

    def error(self, sentence: str, *, back: int = 0) -> Malformed:
        """The exception to raise for what stands `back` octets before the cursor."""
        return Malformed(sentence, self._origin + self._position - back)

    def take(self, count: int) -> bytes:
        """The next `count` octets."""
        start = self._position
        stop = start + count
        if not start <= stop <= self._end:
            raise self.error(f"{_octets(count)} needed, {self._end - start} left")
        self._position = stop
        return self._data[start:stop]

    def u8(self) -> int:
        """The next octet as a number."""
        position = self._position
        if position >= self._end:
            raise self.error(f"{_octets(1)} needed, 0 left")
        self._position = position + 1
        return self._data[position]

    def u16(self) -> int:
        """The next two octets as a number."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """The next four octets as a number."""
        return int.from_bytes(self.take(4), "big")

    def rest(self) -> bytes:
        """All octets that are left."""
        return self.take(self._end - self._position)

    def part(self, count: int) -> Reader:
        """A reader of the next `count` octets alone; this one moves behind them."""
        start = self._position
        self.take(count)
        return Reader(self._data, start, start + count, origin=self._origin)

    def finish(self, what: str) -> None:
        """Insist that nothing is left of `what`."""
        if self._position != self._end:
            raise self.error(f"{_octets(self._end - self._position)} too many after the {what}")


def _octets(count: int) -> str:
    return "1 octet" if count == 1 else f"{count} octets"
