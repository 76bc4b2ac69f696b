"""Two workers a gateway and a tunnel on each, between the same peers: what one worker has the other never touches."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest
from scapy.layers.inet import IP

from ikevpn.dataplane.interface.data_plane import Crashed
from ikevpn.dataplane.interface.sa_plane import Expire, Mapping
from ikevpn.dataplane.userspace.io.steering import Steering
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Policy, Sa, SaUse
from ikevpn.model.selector import Selector
from tests.esp.samples import sa
from tests.net import pings
from tests.net.gateways import INNER_MTU, Gateway, ip, packet_socket, two_gateways
from tests.net.test_dataplane import frames

pytestmark = pytest.mark.root

WITHIN_S = 120.0
OUTSIDES = [(encapsulation, version) for encapsulation in (Encapsulation.UDP, Encapsulation.NONE) for version in (4, 6)]


@dataclass(frozen=True)
class Tunnel:
    """One of several between the two gateways; `number` is in its addresses, its device and its SPIs."""

    name: str
    number: int
    encapsulation: Encapsulation = Encapsulation.UDP
    version: int = 4

    @property
    def reqid(self) -> int:
        return 70 + self.number

    @property
    def device(self) -> str:
        return f"vpn-{self.name}"

    def inside(self, gateway: Gateway) -> str:
        return f"10.{gateway.number}{self.number}.0.1"

    def selector(self, gateway: Gateway) -> Selector:
        own, other = gateway.number, 3 - gateway.number
        return Selector(*(AddressRange.of(f"10.{n}{self.number}.0.0/16") for n in (own, other)))

    async def stand(self, gateway: Gateway) -> None:
        """Device, address, route and policy."""
        with gateway.entered():
            await gateway.plane.add_device(self.device, INNER_MTU)
        other = 3 - gateway.number
        ip("-n", gateway.namespace, "link", "set", self.device, "up")
        ip("-n", gateway.namespace, "addr", "add", f"{self.inside(gateway)}/32", "dev", self.device)
        ip("-n", gateway.namespace, "route", "add", f"10.{other}{self.number}.0.0/16", "dev", self.device)
        self.add_policy(gateway)

    def add_policy(self, gateway: Gateway) -> None:
        gateway.plane.add_policy(Policy(self.device, self.selector(gateway), self.reqid, self.name))

    def pair(self, sender: Gateway, receiver: Gateway, generation: int = 0) -> tuple[Sa, Sa]:
        """The two ends of one direction, outbound first."""
        port = 4500 if self.encapsulation is Encapsulation.UDP else 0
        here, there = (each.outside(self.version, port) for each in (sender, receiver))
        common = {
            "spi": 0x10000 * sender.number + 0x100 * generation + self.number, "reqid": self.reqid,
            "tunnel": self.name, "encapsulation": self.encapsulation,
        }  # fmt: skip
        out = sa(Direction.OUT, local=here, remote=there, selectors=(self.selector(sender),), **common)
        return out, sa(Direction.IN, local=there, remote=here, selectors=(self.selector(receiver),), **common)

    async def join(self, left: Gateway, right: Gateway, generation: int = 0) -> None:
        """SAs both ways; nobody sends before the other can receive."""
        pairs = [(*ends, *self.pair(*ends, generation)) for ends in ((left, right), (right, left))]
        for _, receiver, _, into in pairs:
            receiver.plane.add_sa(into)
        for gateway in (left, right):
            await gateway.plane.query()
        for sender, _, out, _ in pairs:
            sender.plane.add_sa(out)

    async def ping(self, source: Gateway, target: Gateway, count: int = 5) -> None:
        printed = await source.run(*pings.words(count, 0.1), "-I", self.inside(source), self.inside(target))
        assert pings.lost(printed, count) == []

    async def transfer(self, sender: Gateway, receiver: Gateway, size: int = 5_000_000) -> None:
        """A TCP transfer with equal checksums."""
        loop = asyncio.get_running_loop()
        with receiver.entered():
            listener = socket.create_server((self.inside(receiver), 5001))
        with sender.entered():
            client = socket.socket()
        with listener, client:
            listener.setblocking(False)
            client.setblocking(False)
            client.bind((self.inside(sender), 0))
            connecting = loop.sock_connect(client, (self.inside(receiver), 5001))
            _, (server, _) = await asyncio.gather(connecting, loop.sock_accept(listener))
            data, received = os.urandom(size), hashlib.sha256()

            async def receive() -> None:
                while part := await loop.sock_recv(server, 1 << 16):
                    received.update(part)

            with server:
                receiving = asyncio.create_task(receive())
                await loop.sock_sendall(client, data)
                client.shutdown(socket.SHUT_WR)
                await receiving
        assert received.digest() == hashlib.sha256(data).digest()


PARIS, ROME = Tunnel("paris", 1), Tunnel("rome", 2)
Story = Callable[[Gateway, Gateway], Awaitable[None]]


def run(story: Story, *tunnels: Tunnel, workers: int = 2) -> None:
    async def whole() -> None:
        async with two_gateways(workers) as (left, right):
            for gateway in (left, right):
                await gateway.plane.delete_device("vpn")  # the one that every gateway begins with
            for tunnel in tunnels:
                for gateway in (left, right):
                    await tunnel.stand(gateway)
                await tunnel.join(left, right)
            await story(left, right)

    asyncio.run(whole())


async def uses_of(gateway: Gateway, worker: int) -> list[SaUse]:
    """What one worker alone knows of."""
    process = gateway.plane._pool.workers[worker]
    assert process is not None
    return list(await process.ask(message.Query()))


def kill(gateway: Gateway, worker: int) -> None:
    process = gateway.plane._pool.workers[worker]
    assert process is not None
    os.kill(process._process.pid, signal.SIGKILL)


async def event_of(gateway: Gateway, kind: type) -> object:
    async for event in gateway.plane.events():
        if isinstance(event, kind):
            return event
    raise AssertionError("no more events")


@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=lambda value: str(value))
def test_each_tunnel_has_its_worker(encapsulation: Encapsulation, version: int) -> None:
    tunnels = [replace(tunnel, encapsulation=encapsulation, version=version) for tunnel in (PARIS, ROME)]

    async def story(left: Gateway, right: Gateway) -> None:
        for tunnel in tunnels:
            await tunnel.ping(left, right)
        both_ways = [(left, right), (right, left)]
        await asyncio.gather(*(tunnels[n].transfer(*both_ways[n]) for n in (0, 1)))
        for gateway in (left, right):
            for worker, tunnel in enumerate(tunnels):
                uses = await uses_of(gateway, worker)
                assert len(uses) == 2 and all(use.packets > 20 and use.reqid == tunnel.reqid for use in uses)
            counts = await gateway.plane.counters()
            drops = {name for name in counts if name.startswith("drop-")}
            assert drops <= {"drop-no-policy"}  # the host looks for IPv6 routers

    run(story, *tunnels)


@pytest.mark.parametrize(("encapsulation", "version"), OUTSIDES, ids=lambda value: str(value))
def test_what_the_kernel_does_not_steer_is_handed_over(
    encapsulation: Encapsulation, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Steering, "own", lambda *_: None)
    tunnel = replace(ROME, encapsulation=encapsulation, version=version)

    async def story(left: Gateway, right: Gateway) -> None:
        await tunnel.ping(left, right)
        await tunnel.transfer(left, right)
        assert (await right.plane.counters())["handed-over"] > 3000
        assert "drop-unknown-spi" not in await right.plane.counters()

    run(story, PARIS, tunnel)


def test_a_peer_that_moves_is_followed_by_the_worker_that_has_it() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await PARIS.ping(left, right)
        moved = Endpoint.of("192.0.2.2", 4501)
        with right.entered():
            await right.plane.listen_natt(Endpoint.of("0.0.0.0", 4501))
        right.plane.move_sas([ROME.pair(right, left)[0].spi], moved, left.outside(4, 4500))
        await right.plane.query()
        await ROME.ping(right, left)
        event = await asyncio.wait_for(event_of(left, Mapping), WITHIN_S)
        assert event == Mapping(0x20002, ROME.reqid, "rome", right.outside(4, 4500), moved)
        await PARIS.ping(left, right)
        assert [use.reqid for use in await uses_of(left, 1)] == [ROME.reqid] * 2

    run(story, PARIS, ROME)


def test_a_crash_costs_the_tunnels_of_that_worker_alone() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        for tunnel in (PARIS, ROME):
            await tunnel.ping(left, right)
        kill(left, 1)
        assert isinstance(await asyncio.wait_for(event_of(left, Crashed), WITHIN_S), Crashed)
        with packet_socket(right) as cable:
            await PARIS.ping(left, right)
            with pytest.raises(AssertionError, match="100% packet loss"):
                await left.run(*pings.one(1), "-I", ROME.inside(left), ROME.inside(right))
            inner = {ROME.inside(left), ROME.inside(right)}
            assert not any(frame[IP].src in inner or frame[IP].dst in inner for frame in frames(cable) if IP in frame)
        assert await left.plane.start() == {"rome"}
        assert [use.reqid for use in await left.plane.query()] == [PARIS.reqid] * 2
        ROME.add_policy(left)
        await ROME.join(left, right, generation=1)
        for tunnel in (ROME, PARIS):
            await tunnel.ping(left, right)
            await tunnel.transfer(right, left)

    run(story, PARIS, ROME)


def test_a_crash_of_the_worker_that_has_ike_leaves_the_other_tunnel_alone() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        pinging = asyncio.create_task(ROME.ping(left, right, 30))
        kill(left, 0)
        await asyncio.wait_for(event_of(left, Crashed), WITHIN_S)
        assert await left.plane.start() == {"paris"}
        await pinging
        PARIS.add_policy(left)
        await PARIS.join(left, right, generation=1)
        await PARIS.ping(left, right)

    run(story, PARIS, ROME)


def test_an_sa_that_came_before_its_device_ends_instead_of_living_twice() -> None:
    async def story(left: Gateway, right: Gateway) -> None:
        await ROME.join(left, right)
        await ROME.stand(left)
        ended = {await asyncio.wait_for(event_of(left, Expire), WITHIN_S) for _ in range(2)}
        expected = ((0x20002, Direction.IN), (0x10002, Direction.OUT))
        assert ended == {Expire(spi, way, ROME.reqid, "rome", ExpireKind.HARD) for spi, way in expected}
        assert {use.reqid for use in await left.plane.query()} == {PARIS.reqid}

    run(story, PARIS)
