"""The UDP socket of RFC 3948, opened where the privilege is and read by the worker in batches."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from typing import Any

from ikevpn.dataplane.kernel import sockets
from ikevpn.dataplane.userspace.io import error_queue, offload, outer_fields, pktinfo
from ikevpn.dataplane.userspace.io.receive_buffer import ReceiveBuffer
from ikevpn.dataplane.userspace.packet import ecn
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation

BUFFER_SIZE = 4 * 1024 * 1024
LARGEST_DATAGRAM = 65_535
MOST_PATHS = 4096
_EACH = 2  # ancillary data of each datagram: where it was sent to, and its traffic class
BATCH_OCTETS = 4 * LARGEST_DATAGRAM

_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33


def open_sockets(local: Endpoint, count: int) -> list[socket.socket]:
    """`count` sockets of one address, the first of which has found nobody else there. Raises HostError."""
    ends = [open_socket(local)]
    try:
        for _ in range(count - 1):
            # The kernel wants it of all of them, and would have let the first one join others.
            ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            ends.append(open_socket(local, shared=True))
    except BaseException:
        for end in ends:
            end.close()
        raise
    return ends


def open_socket(local: Endpoint, *, shared: bool = False) -> socket.socket:
    """A bound, non-blocking socket; the wildcard address of either version is allowed. Raises HostError."""
    family = socket.AF_INET if local.address.version == 4 else socket.AF_INET6
    try:
        end = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:  # IPv6 may be switched off
        raise _refusal(local, error) from None
    try:
        prepare(end)
        offload.receive_together(end)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        end.bind((str(local.address), local.port))
    except OSError as error:
        end.close()
        raise _refusal(local, error) from None
    return end


def prepare(end: socket.socket) -> None:
    """What UDP and raw sockets of the data plane have in common. Raises OSError."""
    if end.family == socket.AF_INET6 and end.type == socket.SOCK_DGRAM:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    outer_fields.prepare(end)
    error_queue.enable(end)
    pktinfo.enable(end)
    for forced, polite in ((_SO_SNDBUFFORCE, socket.SO_SNDBUF), (_SO_RCVBUFFORCE, socket.SO_RCVBUF)):
        try:
            end.setsockopt(socket.SOL_SOCKET, forced, BUFFER_SIZE)
        except PermissionError:
            end.setsockopt(socket.SOL_SOCKET, polite, BUFFER_SIZE)


def _refusal(local: Endpoint, error: OSError) -> HostError:
    if error.errno == errno.EADDRINUSE:
        return HostError(
            f"UDP port {local.port} of {local.address} is in use",
            reason="port-in-use",
            fix="stop the other IKE daemon (strongSwan, libreswan, racoon) or choose another port",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return HostError(f"{local.address} is not an address of this host", reason="no-such-address")
    if error.errno in (errno.EPERM, errno.EACCES):
        return HostError(f"UDP port {local.port} may not be bound", reason="not-root", fix="run as root")
    return HostError(f"UDP port {local.port} of {local.address} cannot be bound: {error.strerror}")


class PktinfoReceiver:
    """Reads a socket that tells our address beside each datagram: UDP, and raw ESP over IPv6."""

    def __init__(self, end: socket.socket, local: Endpoint, encapsulation: Encapsulation) -> None:
        self._end = end
        self._local = local
        self._encapsulation = encapsulation
        self._paths: dict[Path, Path] = {}  # the same way is the identical path, whatever its mark
        self._ways: dict[tuple[Any, ...], tuple[Path, int]] = {}
        self._buffer = ReceiveBuffer(BATCH_OCTETS, LARGEST_DATAGRAM)

    def fileno(self) -> int:
        return self._end.fileno()

    def read_batch(self, limit: int) -> list[Arrival]:
        """`limit` datagrams, a few more where the last come together; empty where there are none.

        Datagrams of one size in a row that came the same way are a run, which is valid until the next batch.
        """
        read, buffer = self._end.recvmsg_into, self._buffer
        buffer.clear()
        try:
            if limit == 1:
                room = buffer.room
                length, ancillary, _, source = read((room,), pktinfo.ANCILLARY_SIZE)
                way = self._ways.get((source, *ancillary))  # not where there is a segment size
                if way is not None:
                    return [Arrival(way[0], (bytes(room[:length]),), way[1])]
                self._add(length, ancillary, source)
            while buffer.datagrams < limit and not buffer.is_full:
                length, ancillary, _, source = read((buffer.room,), pktinfo.ANCILLARY_SIZE)
                self._add(length, ancillary, source)
        except OSError:  # nothing more to read, or an ICMP error of an earlier datagram
            pass
        return buffer.arrivals()

    def lost(self) -> int:
        return sockets.lost(self._end)

    def _add(self, length: int, ancillary: list[pktinfo.Ancillary], source: tuple[Any, ...]) -> None:
        """What was read last is datagrams of one size, or one."""
        path, mark = self._way(source, ancillary)
        self._buffer.add(path, length, offload.read(ancillary), ecn=mark)

    def _way(self, source: tuple[Any, ...], ancillary: list[pktinfo.Ancillary]) -> tuple[Path, int]:
        """The path, and the congestion mark."""
        key = (source, *ancillary[-_EACH:])  # the segment size, if any, comes before
        way = self._ways.get(key)
        if way is None:
            if len(self._ways) >= MOST_PATHS:
                self._ways.clear()
                self._paths.clear()
            local = Endpoint(pktinfo.read(ancillary) or self._local.address, self._local.port)
            port = 0 if self._encapsulation is Encapsulation.NONE else source[1]
            path = Path(local, Endpoint(ip_address(source[0]), port), self._encapsulation)
            way = self._ways[key] = (self._paths.setdefault(path, path), outer_fields.read(ancillary) & ecn.MASK)
        return way
