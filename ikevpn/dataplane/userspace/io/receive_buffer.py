"""A buffer that receivers fill: which parts of it hold datagrams of one size that came the same way."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.dataplane.userspace.packet.ends import Arrival, Path, gather
from ikevpn.dataplane.userspace.packet.run import Run


@dataclass(slots=True)
class _Stretch:
    """Datagrams of `size` octets; the last is perhaps shorter."""

    path: Path
    size: int
    start: int
    end: int
    ecn: int

    def admits(self, path: Path, size: int, ecn: int) -> bool:
        """Whether what follows in the buffer belongs to it."""
        whole = size and not (self.end - self.start) % size
        return bool(whole and path is self.path and size == self.size and ecn == self.ecn)


class ReceiveBuffer:
    """Filled from the start for every batch; what came out of it before is then no longer valid."""

    def __init__(self, octets: int, largest: int) -> None:
        """Room for `octets` in all, and always for one datagram of `largest`."""
        self._buffer = memoryview(bytearray(octets))
        self._largest = largest
        self._stretches: list[_Stretch] = []
        self._at = 0
        self.datagrams = 0

    def clear(self) -> None:
        """Begin a new batch."""
        self._stretches.clear()
        self._at = self.datagrams = 0

    @property
    def is_full(self) -> bool:
        return self._at + self._largest > len(self._buffer)

    @property
    def room(self) -> memoryview:
        """Where the next datagram, or some that came together, are to be written."""
        return self._buffer[self._at :]

    def add(self, path: Path, length: int, size: int = 0, ecn: int = 0) -> None:
        """`length` octets were written: datagrams of `size`, or one. The same way has the identical `Path`."""
        size = size or length
        if self._stretches and self._stretches[-1].admits(path, size, ecn):
            self._stretches[-1].end += length
        else:
            self._stretches.append(_Stretch(path, size, self._at, self._at + length, ecn))
        self._at += length
        self.datagrams += -(-length // size) if size else 1

    def arrivals(self) -> list[Arrival]:
        """What the batch holds; two and more of one size are a run."""
        return gather((stretch.path, self._content(stretch), stretch.ecn) for stretch in self._stretches)

    def _content(self, stretch: _Stretch) -> bytes | Run:
        part = self._buffer[stretch.start : stretch.end]
        if len(part) <= stretch.size:
            return bytes(part)
        return Run.of(part, stretch.size)
