"""Several datagrams in one system call: sendmmsg and recvmmsg (Linux 3.0 and 2.6.33), where nothing cuts or joins them.

The socket module does not know them, so they are called in the C library. The kernel reads and writes an array of
headers that is laid out once; what changes from call to call are columns of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ikevpn.dataplane.userspace.io.pktinfo import Ancillary
from ikevpn.dataplane.userspace.packet.run import Octets, Run
from ikevpn.model.address import Address

FEWEST = 3  # below it the socket module is as fast
MOST = 128  # datagrams a call
SLOT = 2048  # octets of a received datagram that stand in its row; the rest of a larger one stands elsewhere
_LARGEST = 65_535

_CMSG = struct.Struct("@Nii")
_WORD = struct.calcsize("@N")
_RECORD = struct.Struct("=4Q")
_IN, _IN6 = struct.Struct("=H2s4s8x"), struct.Struct("=H2s4x16sI")


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_size_t), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """`struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_size_t),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_size_t),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_size_t),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Header(ctypes.Structure):
    """`struct mmsghdr`; `done` is how many octets were sent or received."""

    _fields_ = (("message", _Message), ("done", ctypes.c_uint32))


class Envelope:
    """Where datagrams go and what goes beside them, as the kernel wants it."""

    __slots__ = ("_control", "_name", "control", "control_length", "name", "name_length", "record")

    def __init__(self, remote: Address, port: int, ancillary: Iterable[Ancillary]) -> None:
        number = port.to_bytes(2, "big")
        if remote.version == 4:
            name = _IN.pack(socket.AF_INET, number, remote.packed)
        else:
            name = _IN6.pack(socket.AF_INET6, number, remote.packed, _zone(remote))
        control = b"".join(map(_control_message, ancillary))
        self._name, self._control = ctypes.create_string_buffer(name, len(name)), ctypes.create_string_buffer(control)
        self.name, self.name_length = ctypes.addressof(self._name), len(name)
        self.control = ctypes.addressof(self._control) if control else 0
        self.control_length = len(control)
        self.record = _RECORD.pack(self.name, self.name_length, self.control, self.control_length)


def _zone(address: IPv6Address) -> int:
    """The number of the interface that a link-local address belongs to, 0 for none and for one that is gone."""
    zone = address.scope_id or "0"
    with contextlib.suppress(OSError):
        return int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    return 0


def _control_message(message: Ancillary) -> bytes:
    level, kind, content = message
    whole = _CMSG.pack(_CMSG.size + len(content), level, kind) + content
    return whole + bytes(-len(whole) % _WORD)


class Departures:
    """Room for the datagrams of one `send`."""

    def __init__(self) -> None:
        self._vectors, vectors = _array(_Iovec, MOST)
        self._headers, columns = _array(_Header, MOST)
        self._columns = columns["message"]
        self._bases, self._lengths = vectors["base"], vectors["length"]
        self._columns["vector"] = ctypes.addressof(self._vectors) + np.arange(MOST) * ctypes.sizeof(_Iovec)
        self._columns["vectors"] = 1
        self._addressed: Envelope | None = None
        self._kept: Any = None

    def load(self, envelope: Envelope, datagrams: Run | Sequence[Octets]) -> None:
        """Take MOST datagrams or less, which stay as they are until they are sent."""
        if envelope is not self._addressed:
            columns = self._columns
            columns["name"], columns["name_length"] = envelope.name, envelope.name_length
            columns["control"], columns["control_length"] = envelope.control, envelope.control_length
            self._addressed = envelope
        if isinstance(datagrams, Run):
            rows = datagrams.rows
            count = len(rows)
            self._bases[:count] = _STEPS[:count] * rows.strides[0] + rows.ctypes.data
            self._lengths[:count] = rows.shape[1]
            self._kept = (rows, self._point(count, [datagrams.tail] if datagrams.tail else []))
        else:
            self._kept = self._point(0, [bytes(each) for each in datagrams])

    def load_apart(self, envelopes: Sequence[Envelope], datagrams: Sequence[bytes]) -> None:
        """The same, each with an envelope of its own."""
        columns = self._columns[: len(envelopes)]
        records = np.frombuffer(b"".join([each.record for each in envelopes]), np.uint64).reshape(-1, 4)
        columns["name"], columns["name_length"] = records[:, 0], records[:, 1]
        columns["control"], columns["control_length"] = records[:, 2], records[:, 3]
        self._addressed = None
        self._kept = (envelopes, self._point(0, datagrams))

    def _point(self, start: int, datagrams: Sequence[bytes]) -> Any:
        """Point at each of them, from the place `start` on; the answer keeps them where they are."""
        count = len(datagrams)
        pointers = (ctypes.c_char_p * count)(*datagrams)
        self._bases[start : start + count] = np.frombuffer(memoryview(pointers).cast("B"), np.uintp)
        self._lengths[start : start + count] = list(map(len, datagrams))
        return pointers

    def send(self, descriptor: int, start: int, end: int) -> int:
        """Send those from `start` to `end`; returns how many the kernel took. Raises OSError for the first."""
        first = ctypes.addressof(self._headers) + start * ctypes.sizeof(_Header)
        sent: int = _libc.sendmmsg(descriptor, first, end - start, 0)
        if sent < 0:
            raise _error()
        return sent


class Arrivals:
    """Room for the datagrams of one `receive`: the first SLOT octets of each in its row of `rows`."""

    def __init__(self, most: int) -> None:
        self.rows = np.zeros((most, SLOT), np.uint8)
        self._rest = np.zeros((most, _LARGEST), np.uint8)  # no page of it exists before the first large datagram
        self._vectors, vectors = _array(_Iovec, 2 * most)
        self._headers, columns = _array(_Header, most)
        self._most = most
        self._lengths = columns["done"]
        steps = np.arange(most)
        vectors["base"][::2], vectors["length"][::2] = self.rows.ctypes.data + steps * SLOT, SLOT
        vectors["base"][1::2], vectors["length"][1::2] = self._rest.ctypes.data + steps * _LARGEST, _LARGEST
        columns["message"]["vector"] = ctypes.addressof(self._vectors) + 2 * steps * ctypes.sizeof(_Iovec)
        columns["message"]["vectors"] = 2

    def receive(self, descriptor: int, limit: int) -> NDArray[np.uint32]:
        """The lengths of what has come, `limit` datagrams or less; it is there until the next call. Raises OSError."""
        count = _libc.recvmmsg(descriptor, self._headers, min(limit, self._most), socket.MSG_DONTWAIT, None)
        if count < 0:
            raise _error()
        return self._lengths[:count]

    def whole(self, index: int, length: int, start: int = 0) -> bytes:
        """A datagram from its octet `start` on, which is in its row."""
        row = self.rows[index]
        if length <= SLOT:
            return row[start:length].tobytes()
        return row[start:].tobytes() + self._rest[index, : length - SLOT].tobytes()


def portions(datagrams: Run | Sequence[Octets]) -> Iterator[Run | Sequence[Octets]]:
    """Parts of MOST datagrams or less, in order."""
    if not isinstance(datagrams, Run):
        yield from (datagrams[start : start + MOST] for start in range(0, len(datagrams), MOST))
        return
    rows = datagrams.rows
    for start in range(0, len(datagrams), MOST):
        last = start + MOST >= len(datagrams)
        yield Run(rows[start : start + MOST], datagrams.tail if last else b"")


def _array(kind: type[ctypes.Structure], count: int) -> tuple[Any, NDArray[np.void]]:
    """An array in memory that stays where it is, and the same as columns."""
    array = (kind * count)()
    return array, np.frombuffer(memoryview(array).cast("B"), np.dtype(kind))


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


_STEPS = np.arange(MOST, dtype=np.uintp)
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
_libc.recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
