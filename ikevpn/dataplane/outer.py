"""The real outer end: which socket a datagram leaves through, and what becomes of one that the kernel refuses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import NamedTuple

from ikevpn.dataplane import pktinfo
from ikevpn.dataplane.ends import Path
from ikevpn.dataplane.stats import Loss, Stats
from ikevpn.esp.drops import Drop
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation

MOST_WAYS = 4096

_LOSSES: dict[int, Drop | Loss] = {
    errno.ENETUNREACH: Drop.NO_ROUTE,
    errno.EHOSTUNREACH: Drop.NO_ROUTE,
    errno.ENETDOWN: Drop.NO_ROUTE,
    errno.EHOSTDOWN: Drop.NO_ROUTE,
    errno.EADDRNOTAVAIL: Drop.NO_ROUTE,  # our address went away
    errno.EINVAL: Drop.NO_ROUTE,  # the same, as an IPv4 socket says it
    errno.ECONNREFUSED: Loss.REFUSED,
    errno.ENOBUFS: Drop.QUEUE_FULL,
    errno.EAGAIN: Drop.QUEUE_FULL,
    errno.EMSGSIZE: Drop.TOO_BIG,
    errno.EPERM: Loss.NOT_PERMITTED,
    errno.EACCES: Loss.NOT_PERMITTED,
}


class _Way(NamedTuple):
    end: socket.socket
    ancillary: list[pktinfo.Ancillary]
    target: tuple[str, int]


class Outer:
    """All sockets of the worker. It sends; reading them is the loop's business."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._udp: dict[Endpoint, socket.socket] = {}
        self._raw: dict[int, socket.socket] = {}
        self._ways: dict[Path, _Way | None] = {}

    def use_udp(self, local: Endpoint, end: socket.socket) -> None:
        """Send from `local` (its address may be the wildcard) through this socket."""
        self._udp[local] = end
        self._ways.clear()

    def drop_udp(self, local: Endpoint) -> socket.socket | None:
        """Give the socket back to the caller, who closes it."""
        self._ways.clear()
        return self._udp.pop(local, None)

    def use_raw(self, version: int, end: socket.socket) -> None:
        """Send ESP over IP of `version` through this raw socket."""
        self._raw[version] = end
        self._ways.clear()

    def send(self, path: Path, datagrams: Sequence[bytes]) -> None:
        """Send each datagram along `path`; what the kernel does not take is counted."""
        way = self._way(path)
        if way is None:
            self._stats.lose(Loss.NO_SOCKET, len(datagrams))
            return
        end, ancillary, target = way
        for datagram in datagrams:
            try:
                end.sendmsg((datagram,), ancillary, 0, target)
            except OSError as error:
                self._stats.lose(_LOSSES.get(error.errno or 0, Loss.SEND_FAILED))

    def _way(self, path: Path) -> _Way | None:
        if path in self._ways:
            return self._ways[path]
        if len(self._ways) >= MOST_WAYS:
            self._ways.clear()
        end = self._socket(path)
        target = (str(path.remote.address), 0 if path.encapsulation is Encapsulation.NONE else path.remote.port)
        way = None if end is None else _Way(end, pktinfo.write(path.local.address), target)
        self._ways[path] = way
        return way

    def _socket(self, path: Path) -> socket.socket | None:
        local = path.local
        if path.encapsulation is Encapsulation.NONE:
            return self._raw.get(local.address.version)
        wildcard = Endpoint(type(local.address)(0), local.port)
        return self._udp.get(local) or self._udp.get(wildcard)
