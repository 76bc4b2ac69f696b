"""Room for runs: packets of one size, a row each, in buffers that are allocated once and used again.

A run is sealed or opened with numpy for what its packets have in common and one call a packet for the cipher, whose
arguments are views that exist already. Buffers belong to nobody: they are shared by all SAs of the process, and what
is in them is valid until the next run. There is one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikevpn.esp.transforms.layout import HEADER

Rows = NDArray[np.uint8]
Numbers = NDArray[np.uint64]

SHORTEST_RUN = 4  # below it the calls into numpy cost more than they save
LARGEST_PACKET = 9216  # larger ones would need too large buffers, and a system call for each is no matter
_MOST_SIZES = 24
_LOW = np.uint64(0xFFFFFFFF)

RAMP: Numbers = np.arange(1 << 16, dtype=np.uint64)


class Room:
    """`plain` rows, `packets` the part of them that is an inner packet and trailer, `sealed` rows from SPI to ICV.

    `heads` are the eight octets of SPI and sequence number of each sealed row as one number. The lists hold a view for
    each row: `plains` what the cipher reads or writes, `bodies` where it writes or reads, `authentic` all but the ICV,
    `headers` SPI and sequence number.
    """

    __slots__ = ("authentic", "bodies", "headers", "heads", "packets", "plain", "plains", "sealed")

    def __init__(self, count: int, front: int, padded: int, iv: int, icv: int) -> None:
        width = HEADER + iv + padded + icv
        self.plain: Rows = np.zeros((count, front + padded), np.uint8)
        self.packets: Rows = self.plain[:, front:]
        self.sealed: Rows = np.zeros((count, width), np.uint8)
        self.heads = numbers(self.sealed, 0)
        self.plains = views(self.plain, 0, front + padded)
        self.headers = views(self.sealed, 0, HEADER)
        self.bodies = views(self.sealed, HEADER + iv, width)
        self.authentic = views(self.sealed, 0, width - icv)

    def write_heads(self, spi: int, sequences: range) -> Numbers:
        """SPI and sequence number of each packet; gives the whole sequence numbers."""
        count = len(sequences)
        whole = RAMP[:count] + np.uint64(sequences.start)
        self.heads[:count] = (whole & _LOW) | np.uint64(spi << 32)
        return whole

    def take(self, rows: Rows) -> None:
        """Copy sealed packets in."""
        self.sealed[: len(rows)] = rows


class Nonces:
    """A nonce for each row: salt and IV, and authenticated data where the header is not all of it."""

    __slots__ = ("aads", "extended", "ivs", "nonces", "salts", "values")

    def __init__(self, count: int) -> None:
        self.values: Rows = np.zeros((count, 12), np.uint8)
        self.salts = self.values[:, :4]
        self.ivs = numbers(self.values, 4)
        self.nonces = views(self.values, 0, 12)
        self.extended: Rows = np.zeros((count, 12), np.uint8)
        self.aads = views(self.extended, 0, 12)

    def extend(self, spi: int, whole: Numbers) -> None:
        """The data that is authenticated with extended sequence numbers: SPI and all 64 bits (RFC 4106 §5)."""
        count = len(whole)
        self.extended[:count, :4] = octets(spi.to_bytes(4, "big"))
        numbers(self.extended, 4)[:count] = whole


@lru_cache(_MOST_SIZES)
def _room(count: int, front: int, padded: int, iv: int, icv: int) -> Room:
    return Room(count, front, padded, iv, icv)


@lru_cache(_MOST_SIZES)
def _nonces(count: int) -> Nonces:
    return Nonces(count)


def room(count: int, front: int, padded: int, iv: int, icv: int) -> Room:
    """Room for `count` packets or more, of `padded` octets with their trailer, with `front` octets before each."""
    return _room(_capacity(count), front, padded, iv, icv)


def nonces(count: int) -> Nonces:
    """Nonces for `count` packets or more."""
    return _nonces(_capacity(count))


@lru_cache(_MOST_SIZES)
def _scratch(size: int) -> Rows:
    return np.zeros(size, np.uint8)


def scratch(size: int) -> Rows:
    """At least `size` octets and a block more, as block ciphers want it, for what is copied on at once."""
    return _scratch(1 << (size + 16).bit_length())


def each(function: Callable[..., Any], *arguments: Iterable[Any]) -> None:
    """Call `function` for each row, without a step of Python in between."""
    deque(map(function, *arguments), maxlen=0)


def views(rows: Rows, start: int, end: int) -> list[memoryview]:
    """The octets from `start` to `end` of each row."""
    flat, width = rows.reshape(-1).data, rows.shape[1]
    return [flat[at + start : at + end] for at in range(0, rows.size, width)]


def numbers(rows: Rows, at: int) -> Numbers:
    """Eight octets from `at` of each row as a number in network order, to be read and written."""
    found: Numbers = rows[:, at : at + 8].view(">u8")[:, 0]
    return found


def octets(data: bytes | memoryview) -> Rows:
    """`data` as an array, without copying."""
    return np.frombuffer(data, np.uint8)


def _capacity(count: int) -> int:
    return max(64, 1 << (count - 1).bit_length())
