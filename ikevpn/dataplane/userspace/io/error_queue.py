"""What routers, and this host itself, say of datagrams that were too large: the error queue of a socket.

A socket whose queue is in use reports every ICMP error once, at the next call, whatever it is; those calls are to be
repeated after `read`.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from ikevpn.dataplane.userspace.io.pktinfo import Ancillary
from ikevpn.model.address import Address

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_LEVELS = {socket.IPPROTO_IP: _IP_RECVERR, socket.IPPROTO_IPV6: _IPV6_RECVERR}
_ERROR = struct.Struct("=IBBBBII")  # number, origin, type, code, padding, information, data
_LOCAL = 1
_MOST_AT_ONCE = 64
_QUOTED = 64
_ANCILLARY_SIZE = 512


@dataclass(frozen=True, slots=True)
class TooBig:
    """A datagram to `remote` does not fit a path of `mtu` octets, 0 where that is not said.

    `quote` begins with what the datagram began with, as far as is told. `local`: this host says so, which is certain.
    """

    remote: Address
    mtu: int
    quote: bytes
    local: bool


def enable(end: socket.socket) -> None:
    """Have the kernel queue errors of a UDP or raw socket."""
    if end.family == socket.AF_INET:
        end.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    else:
        end.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)


def read(end: socket.socket) -> tuple[list[TooBig], bool]:
    """Errors that say how much fits, and whether there were others than of this host. Takes them out of the queue."""
    found: list[TooBig] = []
    some, has_header = False, _writes_headers(end)
    with contextlib.suppress(OSError):  # there are no more
        for _ in range(_MOST_AT_ONCE):
            quote, ancillary, _, source = end.recvmsg(_QUOTED, _ANCILLARY_SIZE, socket.MSG_ERRQUEUE)
            if has_header and quote:
                quote = quote[(quote[0] & 15) * 4 :]
            errors = [error for item in ancillary if (error := _read(item, quote, source)) is not None]
            some |= not any(error.local for error in errors)
            found += errors
    return found, some


def _writes_headers(end: socket.socket) -> bool:
    """Whether IP headers are among the octets that this socket sends, and then among those that are quoted."""
    if end.type != socket.SOCK_RAW or end.family != socket.AF_INET:
        return False
    return bool(end.getsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL))


def _read(item: Ancillary, quote: bytes, source: tuple[str, int]) -> TooBig | None:
    level, kind, content = item
    if _LEVELS.get(level) != kind or len(content) < _ERROR.size:
        return None
    number, origin, _, _, _, mtu, _ = _ERROR.unpack_from(content)
    if number != errno.EMSGSIZE or not source:
        return None
    return TooBig(ip_address(source[0]), mtu, quote, origin == _LOCAL)
