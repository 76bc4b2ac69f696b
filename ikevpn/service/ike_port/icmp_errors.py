"""What hosts and routers answer when a datagram of ours did not arrive: ICMP "destination unreachable" about UDP.

A raw socket for each family of addresses hears them, beside the sockets of IKE and not through their error queues, so
that nobody can disturb these with invented errors. Reading is bounded: it is only for words, and a flood may be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from ikevpn.model.address import Address, Endpoint

_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
_ROOM, _AT_ONCE, _PAUSE_S = 2048, 16, 0.1
_BUFFER = 32768
_UDP = 17
_PORT = ("port-unreachable", "nothing listens on UDP {port} there")
_HOST = ("host-unreachable", "{host} cannot be reached")
_NET = ("net-unreachable", "there is no route to {host}")
_PROHIBITED = ("admin-prohibited", "it is forbidden to send UDP {port} to {host}")
_UNREACHABLE = {4: 3, 6: 1}
_CODES: Mapping[int, Mapping[int, tuple[str, str]]] = {
    4: {
        **{0: _NET, 1: _HOST, 3: _PORT, 6: _NET, 7: _HOST, 11: _NET, 12: _HOST},
        **dict.fromkeys((9, 10, 13), _PROHIBITED),
    },
    6: {0: _NET, 1: _PROHIBITED, 3: _HOST, 4: _PORT, 5: _PROHIBITED, 6: _NET},
}
"""By IP version and code: RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1; RFC 4443 §3.1."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IcmpError:
    """`router` says that the datagram from `local` to `remote` did not arrive: `icmp` by name, `meaning` in words."""

    router: Address
    local: Endpoint
    remote: Endpoint
    icmp: str
    meaning: str

    @property
    def facts(self) -> dict[str, str]:
        """As events have them."""
        router = "this host" if self.router == self.local.address else str(self.router)
        return {"router": router, "icmp": self.icmp, "meaning": self.meaning}


Heard = Callable[[IcmpError], None]


def read(data: bytes, router: Address) -> IcmpError | None:
    """An ICMP message from its type on; None for everything that is no error about a UDP datagram."""
    version = router.version
    if len(data) < 8 or data[0] != _UNREACHABLE[version] or data[1] not in _CODES[version]:
        return None
    quote, size = data[8:], 40 if version == 6 else (data[8] & 15) * 4 if len(data) > 8 else 0
    if len(quote) < size + 4 or size < 20 or quote[0] >> 4 != version or quote[9 if version == 4 else 6] != _UDP:
        return None
    source, target = (quote[12:16], quote[16:20]) if version == 4 else (quote[8:24], quote[24:40])
    ports: tuple[int, int] = struct.unpack_from("!HH", quote, size)
    local, remote = Endpoint(ip_address(source), ports[0]), Endpoint(ip_address(target), ports[1])
    icmp, meaning = _CODES[version][data[1]]
    return IcmpError(router, local, remote, icmp, meaning.format(port=remote.port, host=remote.address))


class IcmpErrors:
    """Listens from `open` to `close`. Where the host does not let us there are no hints, and all else is as ever."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._sockets: list[socket.socket] = []
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}

    def open(self) -> None:
        """In the network namespace in which we are."""
        for version in (4, 6):
            try:
                end = _socket(version)
            except OSError as error:
                _log.debug("ICMP errors over IPv%d are not heard: %s", version, error)
                continue
            self._sockets.append(end)
            asyncio.get_running_loop().add_reader(end, self._read, end)

    def close(self) -> None:
        """Stop listening."""
        for pause in self._pauses.values():
            pause.cancel()
        for end in self._sockets:
            asyncio.get_running_loop().remove_reader(end)
            end.close()
        self._sockets.clear()

    def _read(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # there are no more
            for _ in range(_AT_ONCE):
                data, source = end.recvfrom(_ROOM)
                router = ip_address(source[0].partition("%")[0])
                error = read(data[(data[0] & 15) * 4 :] if router.version == 4 and data else data, router)
                if error is not None:
                    self._heard(error)
            loop.remove_reader(end)
            self._pauses[end] = loop.call_later(_PAUSE_S, loop.add_reader, end, self._read, end)


def _socket(version: int) -> socket.socket:
    """A raw socket that the kernel gives only "destination unreachable". Raises OSError."""
    family, protocol = (socket.AF_INET, socket.IPPROTO_ICMP) if version == 4 else (socket.AF_INET6, 58)
    end = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    only = _UNREACHABLE[version]
    if version == 4:
        end.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << only) & 0xFFFFFFFF))
    else:
        end.setsockopt(protocol, _ICMP6_FILTER, struct.pack("=8I", ~(1 << only) & 0xFFFFFFFF, *[0xFFFFFFFF] * 7))
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    return end
