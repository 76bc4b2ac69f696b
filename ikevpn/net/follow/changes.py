"""Hears when something changes on the host: a link, an address, a rule or a route of others, one of ours that others
have deleted, a table of nftables that goes. Says what kind of thing, not which one.

Whoever wants to know more asks the kernel; so a burst of changes costs one question, and no change can be missed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum

from ikevpn.errors import HostError
from ikevpn.net.kernel import subscription
from ikevpn.net.kernel.rule import OUR_PROTOCOL

_PROTOCOL = 5  # its place in an rtmsg
_DELETED_ROUTE, _DELETED_RULE = 25, 33
_HEADER = struct.Struct("=IHHII")
_ROOM = 65536


class Kind(StrEnum):
    LINK = "link"
    ADDRESS = "address"
    ROUTE = "route"
    RULE = "rule"
    TABLE = "table"
    OURS = "ours"  # a rule, or a route with our protocol number, that somebody else has deleted


_KINDS = {16: Kind.LINK, 17: Kind.LINK, 20: Kind.ADDRESS, 21: Kind.ADDRESS, 24: Kind.ROUTE, 25: Kind.ROUTE}
_KINDS |= {32: Kind.RULE, 33: Kind.RULE}
_KINDS[0xA02] = Kind.TABLE  # NFT_MSG_DELTABLE of NFNL_SUBSYS_NFTABLES
_ALL = frozenset(Kind)
_NETFILTER, _NFTABLES = 12, 1 << (7 - 1)
"""NETLINK_NETFILTER, and NFNLGRP_NFTABLES as a bit."""


class Changes:
    """A subscription, from the moment it is made until `close`: to links, addresses and routes, or to `tables`. Routes
    and rules that the socket with `own_port` changes are no news.
    """

    def __init__(self, *, tables: bool = False, own_port: int = 0) -> None:
        self._own_port = own_port
        try:
            self._socket = _subscribe_to_tables() if tables else subscription.subscribe()
        except OSError as error:
            raise HostError(f"netlink cannot be opened: {os.strerror(error.errno or 0).lower()}") from None

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    async def next(self) -> frozenset[Kind]:
        """Wait for changes and return the kinds of all that have gathered."""
        while True:
            kinds = self._drain()
            if kinds:
                return kinds
            await self._readable()

    async def __aiter__(self) -> AsyncIterator[frozenset[Kind]]:
        while True:
            yield await self.next()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._socket, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(self._socket)

    def _drain(self) -> frozenset[Kind]:
        found: set[Kind] = set()
        while True:
            try:
                found.update(_read_kinds(self._socket.recv(_ROOM), self._own_port))
            except BlockingIOError:
                return frozenset(found)
            except OSError:
                return _ALL  # the kernel had more to tell than there was room: anything may have changed


def _subscribe_to_tables() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETFILTER)
    try:
        made.bind((0, _NFTABLES))
    except OSError:
        made.close()
        raise
    return made


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _read_kinds(data: bytes, own_port: int = 0) -> Iterator[Kind]:
    """The kinds of the messages in a datagram of the kernel (rtnetlink(7))."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, number, _, _, port = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        kind = _KINDS.get(number)
        if number in subscription.NEXT_HOPS:
            yield Kind.ROUTE
        elif kind in (Kind.ROUTE, Kind.RULE):
            if not own_port or port != own_port:
                yield from _of_others(kind, number, data[offset + _HEADER.size : offset + length])
        elif kind is not None:
            yield kind
        offset += (length + 3) & ~3


def _of_others(kind: Kind, number: int, body: bytes) -> Iterator[Kind]:
    """Routes with our protocol number we set ourselves, as all tunnels do that come and go, or another ikevpn."""
    ours = kind is Kind.ROUTE and body[_PROTOCOL : _PROTOCOL + 1] == bytes([OUR_PROTOCOL])
    if not ours:
        yield kind
    if number == _DELETED_RULE or (ours and number == _DELETED_ROUTE):
        yield Kind.OURS
