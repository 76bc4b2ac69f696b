"""UDP port 500: sockets of their own for every local address, because asyncio-dgram does not tell to which address a
datagram came. Of the two the second is for first messages (`first_socket`).

Reading is bounded by its rhythm: the event loop takes one datagram per socket and turn, and the reader hands it on
before the next turn, so nothing piles up inside. Sending never waits: what does not fit is dropped and counted, and IKE
sends it again. Port 4500 belongs to the data plane.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterable
from typing import Any

import asyncio_dgram

from ikevpn.dataplane.kernel import sockets
from ikevpn.dataplane.kernel.sockets import mark_as_ours
from ikevpn.errors import HostError
from ikevpn.model.address import Address, Endpoint
from ikevpn.service.ike_port.first_socket import FirstSocket, steer

Received = Callable[[bytes, Endpoint, Endpoint], None]
"""Takes a datagram, the local and the remote endpoint."""

QUEUED = 256
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # Linux's numbers; the socket module lacks them
SO_RCVBUFFORCE, RECEIVE_BUFFER = 33, 4 << 20
"""A flood has to be seen to be drawn from: the usual buffer holds what comes while others have one turn."""
SO_SNDBUFFORCE, SEND_BUFFER = 32, 8 << 20
"""Answers to an address of our own network that nobody has wait there for some seconds, up to 208 KiB for each address.
By default a socket may have no more than that waiting: a flood under such an address would hold up every answer."""
_log = logging.getLogger(__name__)


class IkePorts:
    """The sockets of the IKE port. `follow` opens and closes them as addresses come and go.

    `opened` hears of each new one with its descriptor, `closed` of each that has gone: what was made of the descriptor
    has to be closed when it returns, else the address could not be bound again.
    """

    def __init__(
        self,
        port: int,
        received: Received,
        opened: Callable[[Endpoint, int], None],
        closed: Callable[[Endpoint], Awaitable[None]],
    ) -> None:
        self.port = port
        self._counters: Counter[str] = Counter()
        self._received = received
        self._opened = opened
        self._closed = closed
        self._changing = asyncio.Lock()
        self._open: dict[Address, _Port] = {}

    @property
    def counters(self) -> Counter[str]:
        """What went wrong, and what the kernel dropped because nobody read fast enough."""
        return sum((port.lost() for port in self._open.values()), self._counters.copy())

    @property
    def addresses(self) -> frozenset[Address]:
        """Where we listen now."""
        return frozenset(self._open)

    async def follow(self, addresses: Iterable[Address], tolerated: Container[str] = ()) -> None:
        """Listen on exactly these addresses. Raises HostError for the first that is refused, after all were tried."""
        wanted = set(addresses)
        refused: HostError | None = None
        async with self._changing:
            for gone in self.addresses - wanted:
                port = self._open.pop(gone)
                self._counters += port.lost()
                await port.close()
                await self._closed(Endpoint(gone, self.port))
            for new in sorted(wanted - self.addresses, key=str):
                try:
                    await self._listen(new)
                except HostError as error:
                    if error.reason not in tolerated:
                        refused = refused or error
        if refused is not None:
            raise refused

    async def ensure(self, address: Address) -> None:
        """Listen on one more address. Raises HostError."""
        async with self._changing:
            if address not in self._open:
                await self._listen(address)

    async def _listen(self, address: Address) -> None:
        bound, first = _bind_both(address, self.port)
        try:
            stream: Any = await asyncio_dgram.from_socket(bound)
        except BaseException:
            bound.close()
            first.close()
            raise
        local = Endpoint(address, self.port)
        self._open[address] = _Port(local, stream, (bound, first), self._received, self._counters)
        self._opened(local, bound.fileno())

    def send(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """Send one datagram from `local`; silently dropped and counted where we do not listen there any more."""
        port = self._open.get(local.address)
        if port is None:
            self._counters["send-no-such-address"] += 1
            return
        port.send(data, remote)

    async def close(self) -> None:
        """Send what is queued and close all sockets."""
        await self.follow(())


class _Port:
    """Two bound sockets, what each is read by, and a writer for the first of them."""

    def __init__(
        self,
        local: Endpoint,
        stream: Any,
        ends: tuple[socket.socket, socket.socket],
        received: Received,
        counters: Counter[str],
    ) -> None:
        self._local = local
        self._stream = stream
        self._received = received
        self._counters = counters
        self._queue: asyncio.Queue[tuple[bytes, Endpoint]] = asyncio.Queue(QUEUED)
        self._ends = ends
        steer(*ends)
        self._first = FirstSocket(ends[1], lambda data, source: received(data, local, _endpoint(source)))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    def send(self, data: bytes, remote: Endpoint) -> None:
        try:
            self._queue.put_nowait((data, remote))
        except asyncio.QueueFull:
            self._counters["send-queue-full"] += 1

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), timeout=0.5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stream.close()
        self._first.close()

    def lost(self) -> Counter[str]:
        """What the kernel had no room for."""
        known, first = map(sockets.lost, self._ends)
        return Counter({"kernel-overflow": known, "kernel-overflow-first-messages": first})

    async def _read(self) -> None:
        while True:
            try:
                data, source = await self._stream.recv()
            except asyncio_dgram.TransportClosed:
                return
            except OSError:
                self._counters["socket-error"] += 1  # an ICMP error of an earlier send; retransmission deals with it
                continue
            self._received(data, self._local, _endpoint(source))

    async def _write(self) -> None:
        while True:
            data, remote = await self._queue.get()
            try:
                await self._send(data, (str(remote.address), remote.port))
            except asyncio_dgram.TransportClosed:
                return
            finally:
                self._queue.task_done()

    async def _send(self, data: bytes, remote: tuple[str, int]) -> None:
        """asyncio-dgram raises the error of an earlier datagram before it sends this one: this one is tried again."""
        for _ in range(2):
            try:
                await self._stream.send(data, remote)
                return
            except OSError as error:
                self._counters["socket-error"] += 1
                _log.debug("an earlier datagram was not sent: %s", error)


def _endpoint(source: Any) -> Endpoint:
    """Where a datagram came from, as the socket module says it; a zone is dropped."""
    return Endpoint.of(source[0].partition("%")[0], source[1])


def _bind_both(address: Address, port: int) -> tuple[socket.socket, socket.socket]:
    """Two sockets of one address, the first of which has found nobody else there. Raises HostError."""
    known = _bind(address, port)
    try:
        known.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the kernel wants it of both
        return known, _bind(address, port, shared=True)
    except BaseException:
        known.close()
        raise


def _bind(address: Address, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket; IP may fragment what it sends, since IKE messages can be longer than a packet."""
    bound = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    mark_as_ours(bound)
    try:
        if address.version == 6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        else:
            bound.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        with contextlib.suppress(PermissionError):
            bound.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER)
            bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        bound.setblocking(False)
        bound.bind((str(address), port))
    except OSError as error:
        bound.close()
        raise _refusal(error, address, port) from None
    return bound


def _refusal(error: OSError, address: Address, port: int) -> HostError:
    where = Endpoint(address, port)
    if error.errno == errno.EADDRINUSE:
        return HostError(
            f"UDP {where} is in use by another program",
            fix=f"`ss -ulpn 'sport = :{port}'` shows which one; other IPsec daemons (charon, pluto) have to be stopped",
            reason="port-in-use",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return HostError(
            f"not allowed to listen on UDP {where}",
            fix="run as root (`sudo ikevpn …`), or give the process CAP_NET_BIND_SERVICE and CAP_NET_ADMIN",
            reason="not-root",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return HostError(
            f"this host does not have the address {address}",
            fix="`ip address` shows those it has; correct `listen` or `local`",
            reason="no-such-address",
        )
    return HostError(f"cannot listen on UDP {where}: {error.strerror}", reason="socket")
