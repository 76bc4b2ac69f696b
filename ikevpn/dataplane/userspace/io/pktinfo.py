"""Which of our own addresses a datagram came to or shall leave from: IP_PKTINFO and IPV6_PKTINFO (RFC 3542 §6.1)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from ikevpn.model.address import Address

IP_PKTINFO = 8  # the socket module names it from Python 3.14 on
# The larger of the two structures, a segment size and a class of service.
ANCILLARY_SIZE = socket.CMSG_SPACE(20) + 2 * socket.CMSG_SPACE(4)

_V4 = struct.Struct("=i4s4s")  # interface, address of ours, destination in the header
_V6 = struct.Struct("=16si")  # address of ours, interface

Ancillary = tuple[int, int, bytes]


def enable(end: socket.socket) -> None:
    """Ask the kernel for our address with every datagram."""
    if end.family == socket.AF_INET:
        end.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)


def write(address: Address) -> list[Ancillary]:
    """The ancillary data that makes a datagram leave from `address`; none where that is the wildcard."""
    if address.is_unspecified:
        return []
    if address.version == 4:
        return [(socket.IPPROTO_IP, IP_PKTINFO, _V4.pack(0, address.packed, bytes(4)))]
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _V6.pack(address.packed, 0))]


def read(ancillary: Iterable[Ancillary]) -> Address | None:
    """The address of ours to which a datagram came, None where the kernel does not say."""
    for level, kind, content in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO) and len(content) >= _V4.size:
            return IPv4Address(_V4.unpack_from(content)[1])
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) and len(content) >= _V6.size:
            return IPv6Address(_V6.unpack_from(content)[0])
    return None
