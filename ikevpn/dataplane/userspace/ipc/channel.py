"""How messages travel between control process and worker: msgpack in a packet of a unix socket, descriptors beside it.

Every value that may travel stands in one table; its position is its number on the wire. Both ends are the same program,
so there is no version. Secrets are revealed here, into a socket pair that nobody else can open, and nowhere else.
"""

from __future__ import annotations

import array
import fcntl
import socket
import sys
import termios
from collections.abc import Callable, Sequence
from dataclasses import fields
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

import msgspec

from ikevpn.dataplane.interface import ike_port, sa_plane
from ikevpn.dataplane.userspace.io import error_queue
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader
from ikevpn.model.sa import (
    Algorithms,
    Direction,
    Encapsulation,
    ExpireKind,
    Limits,
    Policy,
    PolicyAction,
    Sa,
    SaMode,
    SaUse,
    Total,
)
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import EspCipher, Integrity, Protocol

LARGEST_MESSAGE = 128 * 1024  # an IKE datagram of 64 KiB and much room; below the kernel's default of 208 KiB
MOST_DESCRIPTORS = 5

_PLAIN: tuple[tuple[type, Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (IPv4Address, str, IPv4Address),
    (IPv6Address, str, IPv6Address),  # as text, so that the zone of a link-local address survives
    (Secret, Secret.reveal, Secret),
    *((kind, lambda value: value.value, kind) for kind in (
        DfBit, Direction, Encapsulation, ExpireKind, Fragment, PolicyAction, SaMode, EspCipher, Integrity, Protocol,
    )),
)  # fmt: skip
_RECORDS: tuple[type, ...] = (
    error_queue.TooBig, AddressRange, Algorithms, Endpoint, Limits, OuterHeader, Policy, Sa, SaUse, Selector, Total,
    sa_plane.Acquire, sa_plane.Expire, ike_port.IkeDatagram, sa_plane.Mapping, sa_plane.UnknownSpi,
    message.AddPolicy, message.AddSa, message.Count, message.Counts, message.DeletePolicy, message.DeleteSa,
    message.Done, message.DropDevice, message.DropUdp, message.Elsewhere, message.EspDatagram, message.Handed,
    message.Keepalive, message.MoveSas, message.Query, message.Ready, message.SendIke, message.Stop, message.Sum,
    message.UseDevice, message.UseInbox, message.UseNeighbour, message.UseProbe, message.UseRaw, message.UseRehearsal,
    message.UseUdp, message.Uses,
)  # fmt: skip

_NATIVE = (int, str, bytes, float, bool, type(None))
_NUMBERS = {kind: number for number, kind in enumerate([row[0] for row in _PLAIN] + list(_RECORDS))}
_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in _RECORDS}
_LOWER = {row[0]: row[1] for row in _PLAIN}
_LIFT = [row[2] for row in _PLAIN]


class Received(NamedTuple):
    """A message and the descriptors that came with it; the receiver must close them."""

    value: Any
    descriptors: tuple[int, ...]


def encode(value: Any) -> bytes:
    """Any value of the tables, nested in tuples as the model nests them; ValueError for others."""
    return msgspec.msgpack.encode(_lower(value))


def decode(data: bytes) -> Any:
    """The reverse of `encode`; raises ValueError for bytes that it did not write."""
    try:
        return _tuples(msgspec.msgpack.decode(data, ext_hook=_lift))
    except (msgspec.MsgspecError, IndexError, TypeError) as error:
        raise ValueError(f"not a message of ours: {error}") from None


def send(end: socket.socket, value: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one message; raises OSError, BlockingIOError where the other end is behind."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([encode(value)], ancillary)


def receive(end: socket.socket, *, most_descriptors: int = MOST_DESCRIPTORS) -> Received | None:
    """Receive one message, None where the other end is gone; raises OSError, BlockingIOError where none is there,
    ValueError where it is none. Descriptors beyond `most_descriptors` are closed by the kernel.
    """
    width = array.array("i").itemsize
    room = socket.CMSG_LEN(most_descriptors * width) if most_descriptors else 0
    data, ancillary, _, _ = end.recvmsg(LARGEST_MESSAGE, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(content[: len(content) - len(content) % width])
    return Received(decode(data), tuple(descriptors))


def untaken(end: socket.socket) -> int:
    """How much of what was sent the other end has not received yet, as the kernel counts it. Raises OSError."""
    return int.from_bytes(fcntl.ioctl(end, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def _lower(value: Any) -> Any:
    kind = type(value)
    if kind is tuple:
        return [_lower(item) for item in value]
    number = _NUMBERS.get(kind)
    if number is None:
        if kind not in _NATIVE:
            raise ValueError(f"{kind.__name__} does not travel between the processes")
        return value
    names = _FIELDS.get(kind)
    plain = _LOWER[kind](value) if names is None else [_lower(getattr(value, name)) for name in names]
    return msgspec.msgpack.Ext(number, msgspec.msgpack.encode(plain))


def _lift(number: int, data: memoryview) -> Any:
    plain = msgspec.msgpack.decode(data, ext_hook=_lift)
    if number < len(_LIFT):
        return _LIFT[number](plain)
    return _RECORDS[number - len(_LIFT)](*(_tuples(item) for item in plain))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
