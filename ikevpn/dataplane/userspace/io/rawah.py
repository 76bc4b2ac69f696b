"""Raw sockets for AH (protocol 51): datagrams with their IP headers, because AH covers them.

Over IPv4 the worker writes the header itself, so that it has to cut what the path does not take; over IPv6 the kernel
writes and cuts, and what it has taken off a datagram is put in front again: all of it that AH covers is known.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_address

from ikevpn.dataplane.kernel import sockets
from ikevpn.dataplane.userspace.io import outer_fields, pktinfo, udp
from ikevpn.dataplane.userspace.packet import ecn
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path, gather
from ikevpn.dataplane.userspace.packet.marking import Mark
from ikevpn.esp.transforms.layout import AH
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from ikevpn.wire.registry import Protocol

_IPV6 = struct.Struct("!IHBB16s16s")
_IPV4_HEADER = 20
_MORE_FRAGMENTS = 0x2000
_DONT_FRAGMENT = 0x40
_ALWAYS_FITS = 576


def prepare(end: socket.socket) -> None:
    """Over IPv4 the header is ours to write. Raises OSError."""
    if end.family == socket.AF_INET:
        end.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)


def pieces(datagram: bytes, mark: Mark, mtu: Callable[[], int]) -> list[bytes]:
    """What `esp.ah.AhOutbound` has made, with the fields that AH does not cover, cut to what the route takes."""
    flags = _DONT_FRAGMENT if mark.df else datagram[6]
    marked = b"".join((
        datagram[:1], bytes([mark.tos]), datagram[2:6], bytes([flags]), datagram[7:8], bytes([mark.ttl]), datagram[9:]
    ))  # fmt: skip
    if mark.df or len(marked) <= _ALWAYS_FITS or len(marked) <= (largest := mtu()):
        return [marked]
    return list(fragments(marked, largest))


def fragments(datagram: bytes, mtu: int) -> Iterator[bytes]:
    """An IPv4 datagram without options and DF, cut to at most `mtu` octets (RFC 791 §3.2)."""
    header, data = datagram[:_IPV4_HEADER], datagram[_IPV4_HEADER:]
    room = (mtu - _IPV4_HEADER) // 8 * 8
    for at in range(0, len(data), room):
        part = data[at : at + room]
        flags = at // 8 | (_MORE_FRAGMENTS if at + room < len(data) else 0)
        size = _IPV4_HEADER + len(part)
        yield b"".join((header[:2], size.to_bytes(2, "big"), header[4:6], flags.to_bytes(2, "big"), header[8:], part))


class AhReceiver:
    """Reads a raw socket of either version."""

    def __init__(self, end: socket.socket, version: int) -> None:
        self._end = end
        self._version = version
        self._paths: dict[tuple[bytes, bytes], Path] = {}
        self._buffer = memoryview(bytearray(udp.LARGEST_DATAGRAM + _IPV6.size))

    def fileno(self) -> int:
        return self._end.fileno()

    def read_batch(self, limit: int) -> list[Arrival]:
        """Up to `limit` datagrams, each from its IP header on."""
        found: list[tuple[Path, bytes, int]] = []
        with contextlib.suppress(OSError):  # nothing more to read
            while len(found) < limit:
                arrived = self._read_ipv4() if self._version == 4 else self._read_ipv6()
                if arrived is not None:
                    found.append(arrived)
        return gather(found)

    def lost(self) -> int:
        return sockets.lost(self._end)

    def _read_ipv4(self) -> tuple[Path, bytes, int] | None:
        size = self._end.recv_into(self._buffer)
        datagram = bytes(self._buffer[:size])
        if size < _IPV4_HEADER:
            return None
        return self._path(datagram[16:20], datagram[12:16]), datagram, datagram[1] & ecn.MASK

    def _read_ipv6(self) -> tuple[Path, bytes, int] | None:
        size, ancillary, _, source = self._end.recvmsg_into((self._buffer,), pktinfo.ANCILLARY_SIZE)
        local = pktinfo.read(ancillary)
        if local is None:
            return None
        there = ip_address(source[0].partition("%")[0])
        header = _IPV6.pack(6 << 28, size, AH, 0, there.packed, local.packed)
        mark = outer_fields.read(ancillary) & ecn.MASK
        return self._path(local.packed, there.packed), header + bytes(self._buffer[:size]), mark

    def _path(self, local: bytes, remote: bytes) -> Path:
        path = self._paths.get((local, remote))
        if path is None:
            if len(self._paths) >= udp.MOST_PATHS:
                self._paths.clear()
            ours, theirs = Endpoint(ip_address(local), 0), Endpoint(ip_address(remote), 0)
            path = self._paths[local, remote] = Path(ours, theirs, Encapsulation.NONE, Protocol.AH)
        return path
