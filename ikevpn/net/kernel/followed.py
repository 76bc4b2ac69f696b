"""The host's devices and addresses, and the rules and routes of others, as they are now: read once, and kept right by
what the kernel tells everybody of a change. So what many tunnels ask costs one listing, and not one each.

What has come is read before every answer. A device or an address that comes or goes changes what is known; a rule or a
route of others that does makes it unknown. In one thread, as `rtnetlink` is. Every verb raises HostError where the
kernel cannot be asked.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any, TypeVar

from ikevpn.errors import HostError
from ikevpn.net.kernel import refusals, subscription
from ikevpn.net.kernel.rule import OUR_PROTOCOL

Interface = IPv4Interface | IPv6Interface
T = TypeVar("T")

_NEW_LINK, _DELETED_LINK, _NEW_ADDRESS, _DELETED_ADDRESS = 16, 17, 20, 21
_ROUTES, _RULES = (24, 25), (32, 33)
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")  # ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg
_PROTOCOL_OF_ROUTE = 5  # its place in an rtmsg, which is as long as the header of a rule
_RTMSG = 12
_ATTRIBUTE = struct.Struct("=HH")
_UP = 1
_NAME, _MTU = 3, 4  # IFLA_
_FAR, _OWN = 1, 2  # IFA_ADDRESS, IFA_LOCAL
_PROTOCOL_OF_RULE = 21  # FRA_PROTOCOL
_ROOM = 65536
_BUFFER = 1 << 22
_SO_RCVBUFFORCE = 33


@dataclass(frozen=True, slots=True)
class Link:
    """A device: its name, largest packet, and flags."""

    name: str
    mtu: int
    flags: int

    @classmethod
    def read(cls, message: Any) -> Link:
        """One that was listed, of a message that is taken apart already."""
        return cls(message.get_attr("IFLA_IFNAME"), int(message.get_attr("IFLA_MTU")), int(message["flags"]))


_NOTHING = Link("", 0, 0)


class Followed:
    """What is known of this network namespace. `links` and `addresses` list them anew where they are not known; what
    these raise goes to who asks.
    """

    def __init__(
        self, links: Callable[[], dict[int, Link]], addresses: Callable[[], Iterable[tuple[int, Interface]]]
    ) -> None:
        self._list_links, self._list_addresses = links, addresses
        self._links: dict[int, Link] | None = None
        self._numbers: dict[str, int] = {}
        self._addresses: dict[tuple[int, Interface], None] | None = None
        self._of_others: dict[object, object] = {}
        try:
            self._socket = subscription.subscribe()
        except OSError as error:
            raise HostError(f"netlink cannot be opened: {refusals.words(error.errno)}", reason="netlink") from None
        with suppress(OSError):  # without the privilege the usual buffer has to do
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)

    def close(self) -> None:
        """Follow no longer."""
        self._socket.close()

    def links(self) -> dict[int, Link]:
        """All devices by their numbers."""
        self._catch_up()
        if self._links is None:
            self._links = self._list_links()
            self._numbers = {link.name: index for index, link in self._links.items()}
        return self._links

    def number(self, name: str) -> int | None:
        """The number of a device; None where none has this name."""
        self.links()
        return self._numbers.get(name)

    def name(self, number: int) -> str:
        """The name of a device; empty where there is none."""
        return self.links().get(number, _NOTHING).name

    def addresses(self) -> list[tuple[int, Interface]]:
        """All addresses of this host, with the numbers of their devices."""
        self._catch_up()
        if self._addresses is None:
            self._addresses = dict.fromkeys(self._list_addresses())
        return list(self._addresses)

    def of_others(self, what: object, ask: Callable[[], T]) -> T:
        """Rules or routes of others: what `ask` has answered to `what`, as long as nobody changes any."""
        self._catch_up()
        if what not in self._of_others:
            self._of_others[what] = ask()
        return self._of_others[what]  # type: ignore[return-value]

    def _catch_up(self) -> None:
        while True:
            try:
                data = self._socket.recv(_ROOM)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # else the kernel had more to tell than there was room
                    raise refusals.refused("following the host's devices and routes", error) from None
                self._links = self._addresses = None
                self._of_others.clear()
                continue
            for number, body in _messages(data):
                self._take(number, body)

    def _take(self, number: int, body: bytes) -> None:
        if number in (_NEW_LINK, _DELETED_LINK):
            self._take_link(number, body)
        elif number in (_NEW_ADDRESS, _DELETED_ADDRESS):
            self._take_address(number, body)
        elif _is_of_others(number, body):
            self._of_others.clear()

    def _take_link(self, number: int, body: bytes) -> None:
        family, _, index, flags, _ = _LINK.unpack_from(body)
        if family != socket.AF_UNSPEC or self._links is None:
            return  # a port of a bridge, which says nothing of the device itself
        before = self._links.pop(index, _NOTHING)
        self._numbers.pop(before.name, None)
        found = _attributes(body, _LINK.size)
        name = found[_NAME].rstrip(b"\0").decode(errors="replace") if _NAME in found else before.name
        mtu = int.from_bytes(found[_MTU], sys.byteorder) if _MTU in found else before.mtu
        if number == _NEW_LINK:
            self._links[index] = Link(name, mtu, flags)
            self._numbers[name] = index
        is_new = before is _NOTHING and number == _NEW_LINK
        if not is_new and (number, name, flags & _UP) != (_NEW_LINK, before.name, before.flags & _UP):
            self._of_others.clear()  # IPv4 routes go with their device, and nothing is told of them

    def _take_address(self, number: int, body: bytes) -> None:
        if self._addresses is None:
            self._of_others.clear()
            return
        _, width, _, _, index = _ADDRESS.unpack_from(body)
        found = _attributes(body, _ADDRESS.size)
        address = ip_address(found.get(_OWN) or found[_FAR])
        there = index, ip_interface(f"{address}/{width}")
        if number == _NEW_ADDRESS:
            self._addresses[there] = None
        else:
            self._addresses.pop(there, None)
            self._of_others.clear()  # so do those that call from it


def _is_of_others(number: int, body: bytes) -> bool:
    """Whether a message tells of a rule or a route that does not carry our protocol number, or of a next hop."""
    if number in subscription.NEXT_HOPS:
        return True
    if number in _ROUTES:
        return body[_PROTOCOL_OF_ROUTE] != OUR_PROTOCOL
    return number in _RULES and _attributes(body, _RTMSG).get(_PROTOCOL_OF_RULE) != bytes([OUR_PROTOCOL])


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, number, *_ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield number, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _attributes(body: bytes, offset: int) -> dict[int, bytes]:
    """The attributes of a message after its own header, by number."""
    found: dict[int, bytes] = {}
    while offset + _ATTRIBUTE.size <= len(body):
        length, number = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            break
        found[number & 0x3FFF] = body[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found
