"""Fields of the outer IP header as sockets set and tell them: class of service, TTL, DF; and what a route takes.

Class of service and TTL go beside each datagram. For DF of IPv4, and for leaving out the checksum of UDP, Linux has
only options of the whole socket. What routers say of the path is our own business then (`path_mtu`): the kernel only
compares with the device, refuses what is too large with DF set, and fragments it with DF clear. Of several sockets of
one port it tells one of them what routers say, not always the one that has sent, so that none may be deaf. IPv6 the
kernel fragments by what it knows itself.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from ikevpn.dataplane.kernel.sockets import mark_as_ours
from ikevpn.dataplane.userspace.io.pktinfo import Ancillary
from ikevpn.dataplane.userspace.packet.marking import USUAL_TTL, Mark
from ikevpn.model.address import Address

USUAL_MTU = 1500

_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _DONT, _PROBE, _OMIT = 10, 23, 0, 3, 5
_IP_RECVTOS = 13
_ROUTE_MTU = {socket.AF_INET: (socket.IPPROTO_IP, 14), socket.AF_INET6: (socket.IPPROTO_IPV6, 24)}  # IP_MTU, IPV6_MTU
_SO_NO_CHECK = 11
_INT = struct.Struct("=i")
_DISCARD = 9  # a port to connect to; nothing is sent
_SERVICE = ((socket.IPPROTO_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, socket.IPV6_TCLASS))


def prepare(end: socket.socket) -> None:
    """Marked as ours, DF clear, the usual TTL, and the class of service told with every datagram. Raises OSError."""
    mark_as_ours(end)
    if end.family == socket.AF_INET6:
        end.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _DONT)
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, USUAL_TTL)
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    else:
        end.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _OMIT)
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, USUAL_TTL)
        end.setsockopt(socket.IPPROTO_IP, _IP_RECVTOS, 1)


def set_options(end: socket.socket, *, df: bool, checksum: bool) -> None:
    """DF of what leaves from now on, and whether UDP has a checksum; IPv6 has no such choices."""
    if end.family == socket.AF_INET:
        end.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PROBE if df else _OMIT)
        if end.type == socket.SOCK_DGRAM:
            end.setsockopt(socket.SOL_SOCKET, _SO_NO_CHECK, not checksum)


def write(version: int, mark: Mark) -> list[Ancillary]:
    """The ancillary data for what differs from what the socket does anyway."""
    made: list[Ancillary] = []
    level, service = _SERVICE[version == 6]
    if mark.tos:
        made.append((level, service, _INT.pack(mark.tos)))
    if mark.ttl != USUAL_TTL:
        made.append((level, socket.IP_TTL if version == 4 else socket.IPV6_HOPLIMIT, _INT.pack(mark.ttl)))
    return made


def read(ancillary: Iterable[Ancillary]) -> int:
    """The class of service, all eight bits, that a datagram had; 0 where the kernel does not say."""
    for level, kind, content in ancillary:
        if (level, kind) in _SERVICE and content:
            return content[0] if len(content) < _INT.size else int(_INT.unpack_from(content)[0])
    return 0


def open_probe(version: int) -> socket.socket:
    """A socket for `route_mtu`. Raises OSError."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return mark_as_ours(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))


def route_mtu(probe: socket.socket, remote: Address) -> int:
    """What the kernel's route to `remote` takes, and what it knows of the path itself; sends nothing."""
    try:
        probe.connect((str(remote), _DISCARD))
        return probe.getsockopt(*_ROUTE_MTU[probe.family])
    except OSError:  # there is no route at the moment
        return USUAL_MTU
