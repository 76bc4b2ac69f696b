"""Packets of one size one behind the other: how they travel between the ends where the kernel takes many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

Octets = bytes | memoryview
Rows = NDArray[np.uint8]


if TYPE_CHECKING:
    _Packets = Sequence[bytes]
else:  # to ask whether something is an instance of an abstract class takes a function of Python, each time
    _Packets = object


class Run(_Packets):
    """Packets of one size, a row each, and perhaps a last one that is shorter: a `Sequence`.

    Rows are views of buffers that are used again: whoever keeps a packet takes it out, which copies it.
    """

    __slots__ = ("rows", "tail")

    def __init__(self, rows: Rows, tail: bytes = b"") -> None:
        self.rows = rows
        self.tail = tail

    @classmethod
    def of(cls, data: Octets, size: int) -> Run:
        """Cut what a receiver put together."""
        whole = len(data) - len(data) % size
        return cls(np.frombuffer(data, np.uint8, whole).reshape(-1, size), bytes(data[whole:]))

    @property
    def size(self) -> int:
        """Octets of each packet but the tail."""
        return int(self.rows.shape[1])

    @property
    def octets(self) -> int:
        """Octets of all packets."""
        return int(self.rows.size) + len(self.tail)

    def __len__(self) -> int:
        return len(self.rows) + bool(self.tail)

    def __iter__(self) -> Iterator[bytes]:
        yield from (row.tobytes() for row in self.rows)
        if self.tail:
            yield self.tail

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return list(self)[index]


def runs(packets: Iterable[Octets], shortest: int) -> Iterator[Run | list[Octets]]:
    """Put together what is of one size in a row, in order; fewer than `shortest` stay as they are."""
    rest: list[Octets] = []
    for size, group in groupby(packets, len):
        alike = list(group)
        if len(alike) < shortest or not size:
            rest += alike
            continue
        if rest:
            yield rest
            rest = []
        yield Run.of(b"".join(alike), size)
    if rest:
        yield rest
