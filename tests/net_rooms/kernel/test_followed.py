"""What is known of the host stays true while it changes, and is listed once. Messages as the kernel writes them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_interface
from typing import Any

import pytest

from ikevpn.net.kernel.followed import Followed, Interface, Link
from ikevpn.net.kernel.rule import OUR_PROTOCOL


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def message(number: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), number, 0, 0, 0) + body


def link(number: int, index: int, name: str, *, up: bool = True, family: int = 0) -> bytes:
    body = struct.pack("=BxHiII", family, 1, index, int(up), 0)
    return message(number, body + attribute(3, name.encode() + b"\0") + attribute(4, struct.pack("=I", 1400)))


def address(number: int, index: int, text: str) -> bytes:
    interface = ip_interface(text)
    body = struct.pack("=BBBBI", 2, interface.network.prefixlen, 0, 0, index)
    return message(number, body + attribute(2, interface.ip.packed))


def route(protocol: int) -> bytes:
    return message(24, struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, protocol, 0, 1, 0))


def rule(protocol: int) -> bytes:
    return message(32, bytes(12) + attribute(21, bytes([protocol])))


class Kernel:
    """What lists, and how often it was asked; `tell` is its word to everybody."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.followed = Followed(self.links, self.addresses)
        self.followed._socket.close()
        self._told, self.followed._socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.followed._socket.setblocking(False)

    def links(self) -> dict[int, Link]:
        self.listed.append("links")
        return {1: Link("lo", 65536, 1), 2: Link("wan", 1500, 1)}

    def addresses(self) -> Iterator[tuple[int, Interface]]:
        self.listed.append("addresses")
        yield 2, ip_interface("192.0.2.1/24")

    def ask(self) -> list[str]:
        self.listed.append("routes")
        return ["default"]

    def routes(self) -> Any:
        return self.followed.of_others("routes", self.ask)

    def tell(self, *messages: bytes) -> None:
        self._told.send(b"".join(messages))

    def close(self) -> None:
        self.followed.close()
        self._told.close()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = Kernel()
    yield made
    made.close()


def test_a_thousand_questions_are_one_listing_each(kernel: Kernel) -> None:
    kernel.followed.links()
    kernel.followed.addresses()
    for index in range(10, 1010):
        kernel.tell(link(16, index, f"vpn{index}"), address(20, index, f"10.{index // 250}.{index % 250}.1/32"))
        kernel.tell(route(OUR_PROTOCOL), rule(OUR_PROTOCOL))
        assert kernel.followed.number(f"vpn{index}") == index
        assert len(kernel.followed.addresses()) == index - 8
        kernel.routes()
    assert sorted(kernel.listed) == ["addresses", "links", "routes"]


def test_devices_and_addresses_come_change_and_go(kernel: Kernel) -> None:
    assert kernel.followed.number("wan") == 2
    assert kernel.followed.addresses() == [(2, ip_interface("192.0.2.1/24"))]
    kernel.tell(link(16, 2, "wan0", up=False), address(20, 2, "192.0.2.7/24"), address(21, 2, "192.0.2.1/24"))
    assert kernel.followed.addresses() == [(2, ip_interface("192.0.2.7/24"))]
    assert (kernel.followed.number("wan"), kernel.followed.number("wan0")) == (None, 2)
    assert kernel.followed.links()[2] == Link("wan0", 1400, 0)
    kernel.tell(link(17, 2, "wan0"))
    assert kernel.followed.links().keys() == {1}


def test_a_port_that_leaves_its_bridge_is_still_a_device(kernel: Kernel) -> None:
    kernel.followed.links()
    kernel.tell(link(17, 2, "wan", family=socket.AF_BRIDGE))
    assert kernel.followed.name(2) == "wan"


@pytest.mark.parametrize(
    "told",
    [
        route(4),
        rule(4),
        message(33, bytes(12)),
        message(105, bytes(8)),
        link(16, 2, "wan", up=False),
        link(16, 2, "renamed"),
        link(17, 2, "wan"),
        address(21, 2, "192.0.2.1/24"),
    ],
)
def test_what_may_change_routes_of_others_has_them_read_again(kernel: Kernel, told: bytes) -> None:
    kernel.followed.links()
    kernel.followed.addresses()
    kernel.routes()
    kernel.tell(told)
    kernel.routes()
    assert kernel.listed.count("routes") == 2


def test_what_the_kernel_had_no_room_to_tell_is_read_anew(kernel: Kernel) -> None:
    class Full:
        def __init__(self) -> None:
            self.errors = [BlockingIOError(), OSError(105, "")]

        def recv(self, size: int) -> bytes:
            raise self.errors.pop() if self.errors else BlockingIOError()

        def close(self) -> None:
            pass

    kernel.followed.links()
    kernel.routes()
    kernel.followed._socket.close()
    kernel.followed._socket = Full()  # type: ignore[assignment]
    kernel.followed.links()
    kernel.routes()
    assert sorted(kernel.listed) == ["links", "links", "routes", "routes"]
