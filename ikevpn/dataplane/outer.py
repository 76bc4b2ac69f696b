"""The real outer end: which socket a datagram leaves through, and what becomes of one that the kernel refuses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import NamedTuple

from ikevpn.dataplane import offload, pktinfo
from ikevpn.dataplane.ends import Path
from ikevpn.dataplane.run import Octets, Run, runs
from ikevpn.dataplane.stats import Loss, Stats
from ikevpn.esp.drops import Drop
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation

MOST_WAYS = 4096
_SHORTEST_RUN = 2
_NOT_REFUSED = 1 << 16

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

_CANNOT_CUT = (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT)


class _Way(NamedTuple):
    end: socket.socket
    ancillary: list[pktinfo.Ancillary]
    target: tuple[str, int]
    segments: bool


class Outer:
    """All sockets of the worker. It sends; reading them is the loop's business."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._udp: dict[Endpoint, socket.socket] = {}
        self._raw: dict[int, socket.socket] = {}
        self._ways: dict[Path, _Way | None] = {}
        self._refused: dict[Path, int] = {}  # sizes from which on the kernel does not cut

    def use_udp(self, local: Endpoint, end: socket.socket) -> None:
        """Send from `local` (its address may be the wildcard) through this socket."""
        self._udp[local] = end
        self._forget()

    def drop_udp(self, local: Endpoint) -> socket.socket | None:
        """Give the socket back to the caller, who closes it."""
        self._forget()
        return self._udp.pop(local, None)

    def use_raw(self, version: int, end: socket.socket) -> None:
        """Send ESP over IP of `version` through this raw socket."""
        self._raw[version] = end
        self._forget()

    def send(self, path: Path, datagrams: Sequence[Octets]) -> None:
        """Send each datagram along `path`; what the kernel does not take is counted."""
        way = self._way(path)
        if way is None:
            self._stats.lose(Loss.NO_SOCKET, len(datagrams))
            return
        if not way.segments:
            self._send_each(way, datagrams)
            return
        for part in [datagrams] if isinstance(datagrams, Run) else runs(datagrams, _SHORTEST_RUN):
            if isinstance(part, Run) and part.size < self._refused.get(path, _NOT_REFUSED):
                self._send_run(path, way, part)
            else:
                self._send_each(way, part)

    def _send_run(self, path: Path, way: _Way, run: Run) -> None:
        """In as few calls as the kernel allows.

        It refuses where a segment does not fit the device and would have to be fragmented, or where the device cannot
        compute checksums. Datagrams of that size and larger ones then go singly until the sockets change, if that
        helps: it does not where our address went away.
        """
        ancillary = [*way.ancillary, offload.write(run.size)]
        done = 0
        for pieces, count in offload.portions(run):
            try:
                way.end.sendmsg(pieces, ancillary, 0, way.target)
            except OSError as error:
                if error.errno in _CANNOT_CUT:
                    if self._send_each(way, run[done:]):
                        self._refused[path] = run.size
                        self._stats.add("cutting-refused", 1)
                    return
                self._stats.lose(_LOSSES.get(error.errno or 0, Loss.SEND_FAILED), count)
            done += count

    def _send_each(self, way: _Way, datagrams: Sequence[Octets]) -> int:
        """How many left."""
        end, ancillary, target, _ = way
        sent = 0
        for datagram in datagrams:
            try:
                end.sendmsg((datagram,), ancillary, 0, target)
                sent += 1
            except OSError as error:
                self._stats.lose(_LOSSES.get(error.errno or 0, Loss.SEND_FAILED))
        return sent

    def _way(self, path: Path) -> _Way | None:
        if path in self._ways:
            return self._ways[path]
        if len(self._ways) >= MOST_WAYS:
            self._forget()
        end = self._socket(path)
        target = (str(path.remote.address), 0 if path.encapsulation is Encapsulation.NONE else path.remote.port)
        segments = path.encapsulation is not Encapsulation.NONE
        way = None if end is None else _Way(end, pktinfo.write(path.local.address), target, segments)
        self._ways[path] = way
        return way

    def _forget(self) -> None:
        self._ways.clear()
        self._refused.clear()

    def _socket(self, path: Path) -> socket.socket | None:
        local = path.local
        if path.encapsulation is Encapsulation.NONE:
            return self._raw.get(local.address.version)
        wildcard = Endpoint(type(local.address)(0), local.port)
        return self._udp.get(local) or self._udp.get(wildcard)
