"""Two namespaces joined by a cable, a userspace data plane in each, and SAs made by hand.

    outside 192.0.2.1/24, 2001:db8::1/64              outside 192.0.2.2/24, 2001:db8::2/64
left ────────────────────────────── cable ────────────────────────────── right
    inside 10.1.0.1, fd01::1 on vpn                   inside 10.2.0.1, fd02::1 on vpn
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from ikevpn.dataplane.userspace.control.userspace import UserspaceDataPlane
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.outer_header import OuterHeader
from ikevpn.model.sa import Direction, Encapsulation, Policy, Sa
from ikevpn.model.selector import Selector
from tests.esp.samples import GCM, Pair, sa

CABLE = "cable"
DEVICE = "vpn"
REQID = 7
INNER_MTU = 1380
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Gateway:
    """`number` is 1 on the left and 2 on the right; addresses follow from it."""

    def __init__(self, namespace: str, number: int, workers: int = 1) -> None:
        self.namespace = namespace
        self.number = number
        self.plane = UserspaceDataPlane(workers)
        self.inside4, self.inside6 = f"10.{number}.0.1", f"fd0{number}::1"

    def outside(self, version: int, port: int) -> Endpoint:
        return Endpoint.of(f"192.0.2.{self.number}" if version == 4 else f"2001:db8::{self.number}", port)

    def selector(self, version: int) -> Selector:
        """Our network to the other one."""
        other = 3 - self.number
        networks = [f"10.{n}.0.0/16" if version == 4 else f"fd0{n}::/32" for n in (self.number, other)]
        return Selector(*(AddressRange.of(network) for network in networks))

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is inside the namespace; what it opens stays there."""
        with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", self.namespace).open() as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    async def run(self, *argv: str, may_fail: bool = False) -> str:
        """What a command inside prints; fails the test where its status is not 0, unless it `may_fail`."""
        process = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", self.namespace, *argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output = (await process.communicate())[0].decode()
        assert may_fail or process.returncode == 0, f"{' '.join(argv)}: {output}"
        return output

    async def start(self, port: int = 4500) -> None:
        """Worker, device with addresses and routes, and all sockets."""
        await self.plane.start()
        with self.entered():
            for version, wildcard in ((4, "0.0.0.0"), (6, "::")):
                await self.plane.listen_natt(Endpoint.of(wildcard, port))
                await self.plane.listen_raw(version)
        await self.device()

    async def device(self) -> None:
        """The device with its addresses and routes."""
        with self.entered():
            assert await self.plane.add_device(DEVICE, INNER_MTU) == DEVICE
        other = 3 - self.number
        ip("-n", self.namespace, "link", "set", DEVICE, "up")
        ip("-n", self.namespace, "addr", "add", f"{self.inside4}/32", "dev", DEVICE)
        ip("-n", self.namespace, "addr", "add", f"{self.inside6}/128", "dev", DEVICE, "nodad")
        ip("-n", self.namespace, "route", "add", f"10.{other}.0.0/16", "dev", DEVICE)
        ip("-n", self.namespace, "route", "add", f"fd0{other}::/32", "dev", DEVICE)

    def add_policies(self) -> None:
        for version in (4, 6):
            self.plane.add_policy(Policy(DEVICE, self.selector(version), REQID, "paris"))


def ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, capture_output=True, text=True)


@contextlib.asynccontextmanager
async def two_gateways(workers: int = 1) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Both started, without policies and SAs; everything is gone afterwards."""
    left, right = (Gateway(f"ikevpn-dp{os.getpid()}-{number}", number, workers) for number in (1, 2))
    try:
        for gateway in (left, right):
            ip("netns", "add", gateway.namespace)
            ip("-n", gateway.namespace, "link", "set", "lo", "up")
        ip("-n", left.namespace, "link", "add", CABLE, "type", "veth", "peer", "name", CABLE, "netns", right.namespace)
        for gateway in (left, right):
            ip("-n", gateway.namespace, "link", "set", CABLE, "up")
            for version, bits in ((4, 24), (6, 64)):
                address = f"{gateway.outside(version, 0).address}/{bits}"
                nodad = ["nodad"] if version == 6 else []
                ip("-n", gateway.namespace, "addr", "add", address, "dev", CABLE, *nodad)
            await gateway.start()
        yield left, right
    finally:
        for gateway in (left, right):
            await gateway.plane.stop()
            with contextlib.suppress(subprocess.CalledProcessError):  # it was never made
                ip("netns", "del", gateway.namespace)


def pair_of(
    sender: Gateway,
    receiver: Gateway,
    version: int,
    encapsulation: Encapsulation,
    pair: Pair = GCM,
    spi: int = 0x1000,
    outer: OuterHeader = OuterHeader(),  # noqa: B008 (frozen)
) -> tuple[Sa, Sa]:
    """The two ends of one direction, outbound first."""
    port = {Encapsulation.NONE: 0, Encapsulation.UDP: 4500, Encapsulation.UDP_NON_IKE: 500}[encapsulation]
    ends = sender.outside(version, port), receiver.outside(version, port)
    common = {"encapsulation": encapsulation, "reqid": REQID, "spi": spi, "outer": outer}
    out = sa(
        Direction.OUT, pair, local=ends[0], remote=ends[1], selectors=tuple(map(sender.selector, (4, 6))), **common
    )
    into = sa(
        Direction.IN, pair, local=ends[1], remote=ends[0], selectors=tuple(map(receiver.selector, (4, 6))), **common
    )
    return out, into


async def join(
    left: Gateway,
    right: Gateway,
    version: int,
    encapsulation: Encapsulation,
    pair: Pair = GCM,
    outer: OuterHeader = OuterHeader(),  # noqa: B008 (frozen)
) -> None:
    """A tunnel both ways; nobody sends before the other can receive."""
    ways = [(left, *pair_of(left, right, version, encapsulation, pair, 0x1000, outer))]
    ways += [(right, *pair_of(right, left, version, encapsulation, pair, 0x2000, outer))]
    for (sender, _, into), receiver in zip(ways, (right, left), strict=True):
        receiver.plane.add_sa(into)
        sender.add_policies()
    for gateway in (left, right):
        await gateway.plane.query()
    for sender, out, _ in ways:
        sender.plane.add_sa(out)


def packet_socket(gateway: Gateway, device: str = CABLE) -> socket.socket:
    """Sees every frame of the cable, or every packet of another device."""
    with gateway.entered():
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(3))
        end.bind((device, 0))
    return end


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
