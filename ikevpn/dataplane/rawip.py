"""Raw sockets for ESP that nothing encapsulates (IP protocol 50), and for AH (51), whose own business is in `rawah`.

For ESP the kernel writes the IP header and fragments.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from ipaddress import IPv4Address, IPv6Address

from ikevpn.dataplane import ecn, overflow, rawah, steering, udp
from ikevpn.dataplane.ends import Arrival, Path, Receiver
from ikevpn.dataplane.stretch import Stretches
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from ikevpn.wire.registry import Protocol

_NUMBERS = {Protocol.ESP: 50, Protocol.AH: 51}


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


def receiver(end: socket.socket, version: int, protocol: Protocol = Protocol.ESP) -> Receiver:
    """The worker's end of a raw socket."""
    if protocol is Protocol.AH:
        return rawah.AhReceiver(end, version)
    if version == 4:
        return _HeaderReceiver(end)
    return udp.PktinfoReceiver(end, Endpoint(IPv6Address(0), 0), Encapsulation.NONE)


class _HeaderReceiver:
    """Reads a raw IPv4 socket; unlike one for IPv6 it yields the IP header too, which tells both addresses."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._paths: dict[bytes, Path] = {}
        self._stretches = Stretches(udp.BATCH_OCTETS, udp.LARGEST_DATAGRAM)

    def fileno(self) -> int:
        return self._end.fileno()

    def read_batch(self, limit: int) -> list[Arrival]:
        stretches = self._stretches
        stretches.clear()
        with contextlib.suppress(OSError):  # nothing more to read
            while stretches.datagrams < limit and not stretches.is_full:
                room = stretches.room
                length = self._end.recv_into(room)
                stretches.add(
                    self._path(bytes(room[12:20])), length, header=(room[0] & 0x0F) * 4, ecn=room[1] & ecn.MASK
                )
        return stretches.arrivals()

    def lost(self) -> int:
        return overflow.lost(self._end)

    def _path(self, addresses: bytes) -> Path:
        path = self._paths.get(addresses)
        if path is None:
            if len(self._paths) >= udp.MOST_PATHS:
                self._paths.clear()
            remote, local = Endpoint(IPv4Address(addresses[:4]), 0), Endpoint(IPv4Address(addresses[4:]), 0)
            path = self._paths[addresses] = Path(local, remote, Encapsulation.NONE)
        return path
