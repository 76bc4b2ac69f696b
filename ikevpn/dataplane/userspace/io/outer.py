"""The real outer end: which socket a datagram leaves through, and what becomes of one that the kernel refuses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

from ikevpn.dataplane.userspace.io import mmsg, offload, outer_fields, pktinfo, rawah
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.marking import PLAIN, Mark
from ikevpn.dataplane.userspace.packet.run import Octets, Run, runs
from ikevpn.dataplane.userspace.packet.stats import Loss, Stats
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Encapsulation
from ikevpn.wire.registry import Protocol

MOST_WAYS = 4096
_SHORTEST_RUN = 2
_MOST_REPORTS = 64  # batches of them
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
    envelope: mmsg.Envelope
    segments: bool
    ours: bool


class Outer:
    """All sockets of the worker. It sends; reading them is the loop's business."""

    def __init__(self, stats: Stats, hear: Callable[[socket.socket], bool] = lambda end: False) -> None:
        """`hear` takes what is in the error queue of a socket and says whether there was anything."""
        self._stats = stats
        self._hear = hear
        self._udp: dict[Endpoint, socket.socket] = {}
        self._raw: dict[tuple[int, Protocol], socket.socket] = {}
        self._probes: dict[int, socket.socket] = {}
        self._lent: set[socket.socket] = set()
        self._options: dict[socket.socket, tuple[bool, bool]] = {}
        self._departures = mmsg.Departures()
        self._gathers = False
        self._gathered: list[tuple[_Way, bytes]] = []  # of one socket, to be sent with the options that it has
        self._ways: dict[tuple[Path, int, int], _Way] = {}
        self._refused: dict[Path, int] = {}  # sizes from which on the kernel does not cut

    def use_udp(self, local: Endpoint, end: socket.socket, *, lent: bool = False) -> None:
        """Send from `local` (its address may be the wildcard) through this socket; a lent one keeps its options."""
        self._udp[local] = end
        if lent:
            self._lent.add(end)
        self._forget()

    def drop_udp(self, local: Endpoint) -> socket.socket | None:
        """Give the socket back to the caller, who closes it."""
        self._send_gathered()
        self._forget()
        end = self._udp.pop(local, None)
        if end is not None:
            self._lent.discard(end)
            self._options.pop(end, None)
        return end

    def use_raw(self, version: int, protocol: Protocol, end: socket.socket) -> None:
        """Send ESP or AH over IP of `version` through this raw socket."""
        self._raw[version, protocol] = end
        self._forget()

    def use_probe(self, version: int, end: socket.socket) -> None:
        """Ask for routes of IP of `version` with this socket."""
        self._probes[version] = end

    def gather(self) -> None:
        """From now on datagrams that come alone, each with another way to go, may wait until `flush`."""
        self._gathers = True

    def flush(self) -> None:
        """Send what waits, in few calls however many ways it goes."""
        self._gathers = False
        self._send_gathered()

    def send_one(self, path: Path, datagram: Octets, mark: Mark) -> None:
        """What `send` does with ESP that comes alone, with less around it."""
        way = self._ways.get((path, mark.tos, mark.ttl))
        if way is not None and not self._gathers and self._options.get(way.end) == mark[2:]:
            try:
                way.end.sendmsg((datagram,), way.ancillary, 0, way.target)
                return
            except OSError:
                pass  # perhaps that of an earlier datagram; `send` sees to it
        self.send(path, (datagram,), mark)

    def send(self, path: Path, datagrams: Sequence[Octets], mark: Mark = PLAIN) -> None:
        """Send each datagram along `path`; what the kernel does not take is counted."""
        way = self._ways.get((path, mark.tos, mark.ttl)) or self._way(path, mark)
        if way is None:
            self._stats.lose(Loss.NO_SOCKET, len(datagrams))
            return
        is_alone = len(datagrams) == 1 and self._gathers and path.protocol is not Protocol.AH
        if self._gathered and (not is_alone or self._gathered[0][0].end is not way.end):
            self._send_gathered()
        if way.ours and self._options.get(way.end, PLAIN.options) != mark.options:
            self._send_gathered()
            self._options[way.end] = mark.options
            outer_fields.set_options(way.end, df=mark.df, checksum=mark.checksum)
        if is_alone:
            self._gathered.append((way, bytes(datagrams[0])))
            return
        if path.protocol is Protocol.AH and path.local.address.version == 4:
            route = cache(partial(self.mtu, path))
            datagrams = [piece for each in datagrams for piece in rawah.pieces(bytes(each), mark, route)]
        if len(datagrams) == 1:
            self._send_one(way, datagrams)
            return
        summed = mark.checksum or path.local.address.version == 6
        if not (way.segments and summed):  # the kernel cuts nothing that has no checksum
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
        for pieces, number in offload.portions(run):
            try:
                self._sendmsg(way, pieces, ancillary)
            except OSError as error:
                if error.errno in _CANNOT_CUT:
                    if self._send_each(way, run[done:]) > bool(run.tail):
                        self._refused[path] = run.size
                        self._stats.add("cutting-refused", 1)
                    return
                self._stats.lose(_LOSSES.get(error.errno or 0, Loss.SEND_FAILED), number)
            done += number

    def _send_each(self, way: _Way, datagrams: Sequence[Octets]) -> int:
        """How many left."""
        if len(datagrams) >= mmsg.FEWEST:
            return sum(self._send_several(way, part) for part in mmsg.portions(datagrams))
        return sum(self._send_one(way, (datagram,)) for datagram in datagrams)

    def _send_one(self, way: _Way, datagram: Sequence[Octets]) -> bool:
        """Whether it left."""
        try:
            self._sendmsg(way, datagram, way.ancillary)
        except OSError as error:
            self._stats.lose(_LOSSES.get(error.errno or 0, Loss.SEND_FAILED))
            return False
        return True

    def _send_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        if len(gathered) < mmsg.FEWEST:
            for way, datagram in gathered:
                self._send_one(way, (datagram,))
            return
        for start in range(0, len(gathered), mmsg.MOST):
            part = gathered[start : start + mmsg.MOST]
            self._departures.load_apart([way.envelope for way, _ in part], [datagram for _, datagram in part])
            self._send_loaded(part[0][0].end, len(part))

    def _send_several(self, way: _Way, datagrams: Run | Sequence[Octets]) -> int:
        """The same in few calls; what the kernel refuses is left out."""
        self._departures.load(way.envelope, datagrams)
        return self._send_loaded(way.end, len(datagrams))

    def _send_loaded(self, end: socket.socket, count: int) -> int:
        descriptor, at, sent, attempts = end.fileno(), 0, 0, 0
        while at < count:
            try:
                left = self._departures.send(descriptor, at, count)
                at, sent, attempts = at + left, sent + left, 0
            except OSError as error:
                attempts += 1
                if not self._may_repeat(end, attempts):
                    self._stats.lose(_LOSSES.get(error.errno or 0, Loss.SEND_FAILED))
                    at, attempts = at + 1, 0
        return sent

    def _sendmsg(self, way: _Way, pieces: Sequence[Octets], ancillary: list[pktinfo.Ancillary]) -> None:
        """Raises OSError where the kernel refuses these very datagrams."""
        attempts = 0
        while True:
            try:
                way.end.sendmsg(pieces, ancillary, 0, way.target)
                return
            except OSError:
                attempts += 1
                if not self._may_repeat(way.end, attempts):
                    raise

    def _may_repeat(self, end: socket.socket, attempts: int) -> bool:
        """Whether an error may have been that of an earlier datagram, which ICMP has reported.

        Each report in the queue costs one call, and one that found no room there costs one too. Anybody can send them.
        """
        return attempts < _MOST_REPORTS if self._hear(end) else attempts == 1

    def mtu(self, path: Path) -> int:
        """What the route of `path` takes, in octets."""
        probe = self._probes.get(path.remote.address.version)
        return outer_fields.USUAL_MTU if probe is None else outer_fields.route_mtu(probe, path.remote.address)

    def _way(self, path: Path, mark: Mark) -> _Way | None:
        if len(self._ways) >= MOST_WAYS:
            self._forget()
        end = self._socket(path)
        if end is None:
            return None
        target = (str(path.remote.address), 0 if path.encapsulation is Encapsulation.NONE else path.remote.port)
        segments = path.encapsulation is not Encapsulation.NONE
        ancillary = [*pktinfo.write(path.local.address), *outer_fields.write(path.remote.address.version, mark)]
        envelope = mmsg.Envelope(path.remote.address, target[1], ancillary)
        way = _Way(end, ancillary, target, envelope, segments, end not in self._lent)
        self._ways[path, mark.tos, mark.ttl] = way
        return way

    def _forget(self) -> None:
        self._ways.clear()
        self._refused.clear()

    def _socket(self, path: Path) -> socket.socket | None:
        local = path.local
        if path.encapsulation is Encapsulation.NONE:
            return self._raw.get((local.address.version, path.protocol))
        wildcard = Endpoint(type(local.address)(0), local.port)
        return self._udp.get(local) or self._udp.get(wildcard)
