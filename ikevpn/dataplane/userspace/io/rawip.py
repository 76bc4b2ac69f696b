"""Raw sockets for ESP that nothing encapsulates (IP protocol 50), and for AH (51), whose own business is in `rawah`.

For ESP the kernel writes the IP header and fragments.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ikevpn.dataplane.kernel import sockets
from ikevpn.dataplane.userspace.io import mmsg, rawah, steering, udp
from ikevpn.dataplane.userspace.packet import ecn
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path, Receiver, gather
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from ikevpn.wire.registry import Protocol

_NUMBERS = {Protocol.ESP: 50, Protocol.AH: 51}
_HEADER = 20
_VERSION_AND_ECN = int.from_bytes(bytes((0xFF, ecn.MASK, 0, 0)), sys.byteorder)


def open_sockets(version: int, protocol: Protocol, count: int) -> list[socket.socket]:
    """`count` sockets, each of which would get everything; but for the first they get nothing yet. Raises HostError."""
    ends: list[socket.socket] = []
    try:
        for _ in range(count):
            ends.append(open_socket(version, protocol))
            if len(ends) > 1:
                steering.refuse_all(ends[-1])
    except BaseException as error:
        for end in ends:
            end.close()
        if isinstance(error, OSError):
            name = protocol.label.upper()
            detail = f"raw sockets for {name} over IPv{version} cannot be shared by workers: {error.strerror}"
            raise HostError(detail, fix="set workers = 1 in [daemon]") from None
        raise
    return ends


def open_socket(version: int, protocol: Protocol = Protocol.ESP) -> socket.socket:
    """A non-blocking raw socket for ESP or AH over IP of `version`. Raises HostError."""
    family, name = socket.AF_INET if version == 4 else socket.AF_INET6, protocol.label.upper()
    try:
        end = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NUMBERS[protocol])
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise HostError(
                f"a raw socket for {name} may not be opened", reason="not-root", fix="run as root"
            ) from None
        raise HostError(f"a raw socket for {name} over IPv{version} cannot be opened: {error.strerror}") from None
    try:
        udp.prepare(end)
        if protocol is Protocol.AH:
            rawah.prepare(end)
    except OSError as error:
        end.close()
        raise HostError(f"a raw socket for {name} over IPv{version} cannot be used: {error.strerror}") from None
    return end


def receiver(end: socket.socket, version: int, protocol: Protocol = Protocol.ESP, *, batch: int) -> Receiver:
    """The worker's end of a raw socket; `batch` is the most that is ever read at once."""
    if protocol is Protocol.AH:
        return rawah.AhReceiver(end, version)
    if version == 4:
        return _HeaderReceiver(end, batch)
    return udp.PktinfoReceiver(end, Endpoint(IPv6Address(0), 0), Encapsulation.NONE)


class _HeaderReceiver:
    """Reads a raw IPv4 socket; unlike one for IPv6 it yields the IP header too, which tells both addresses."""

    def __init__(self, end: socket.socket, batch: int) -> None:
        self._end = end
        self._paths: dict[bytes, Path] = {}
        self._arrivals = mmsg.Arrivals(batch)
        self._words = self._arrivals.rows.view(np.uint32)

    def fileno(self) -> int:
        return self._end.fileno()

    def read_batch(self, limit: int) -> list[Arrival]:
        """Datagrams of one size in a row that came the same way are a run, which is valid until the next batch."""
        try:
            lengths = self._arrivals.receive(self._end.fileno(), limit)
        except OSError:  # nothing to read, or an ICMP error of an earlier datagram
            return []
        starts = self._starts(lengths) if len(lengths) > 1 else [0]
        ends = [*starts[1:], len(lengths)]
        alike = (self._alike(start, end, int(lengths[start])) for start, end in zip(starts, ends, strict=True))
        return gather(chain.from_iterable(alike))

    def lost(self) -> int:
        return sockets.lost(self._end)

    def _starts(self, lengths: NDArray[np.uint32]) -> list[int]:
        """Where another size, another header length, another mark or another address begins."""
        words, count = self._words, len(lengths)
        differs = lengths[1:] != lengths[:-1]
        differs |= ((words[1:count, 0] ^ words[: count - 1, 0]) & _VERSION_AND_ECN) != 0
        for address in (3, 4):
            differs |= words[1:count, address] != words[: count - 1, address]
        return [0, *(np.flatnonzero(differs) + 1).tolist()]

    def _alike(self, start: int, end: int, length: int) -> Iterator[tuple[Path, bytes | Run, int]]:
        """The path, a run or a datagram, and the congestion mark."""
        arrivals = self._arrivals
        first = arrivals.rows[start, :_HEADER].tobytes()
        path, mark, header = self._path(first[12:20]), first[1] & ecn.MASK, (first[0] & 0x0F) * 4
        if end - start > 1 and header < length <= mmsg.SLOT:
            yield path, Run(arrivals.rows[start:end, header:length]), mark
            return
        for index in range(start, end):
            yield path, arrivals.whole(index, length, header), mark

    def _path(self, addresses: bytes) -> Path:
        path = self._paths.get(addresses)
        if path is None:
            if len(self._paths) >= udp.MOST_PATHS:
                self._paths.clear()
            remote, local = Endpoint(IPv4Address(addresses[:4]), 0), Endpoint(IPv4Address(addresses[4:]), 0)
            path = self._paths[addresses] = Path(local, remote, Encapsulation.NONE)
        return path
