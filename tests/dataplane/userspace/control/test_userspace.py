"""A real worker process over loopback; nothing here needs a privilege."""

import asyncio
import os
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ikevpn.dataplane.interface.data_plane import Crashed, DataPlaneEvent
from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Expire, UnknownSpi
from ikevpn.dataplane.userspace.control.process import MOST_WAITING
from ikevpn.dataplane.userspace.control.userspace import UserspaceDataPlane
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.worker.worker import USES_PER_MESSAGE
from ikevpn.errors import HostError
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, SaUse
from ikevpn.wire.registry import Protocol
from tests.dataplane.fakes import PACKET, policy
from tests.esp.samples import SPI, entropy, sa

WITHIN_S = 120.0


class Outside:
    """A plane that listens on loopback, and a peer's socket."""

    def __init__(self) -> None:
        self.plane = UserspaceDataPlane()
        self.peer = socket.socket(type=socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.setblocking(False)
        self.remote = Endpoint.of(*self.peer.getsockname())
        self.local = Endpoint.of("127.0.0.1", free_port())
        self.events = self.plane.events()

    async def event(self) -> DataPlaneEvent:
        return await asyncio.wait_for(anext(self.events), WITHIN_S)

    def to_us(self, data: bytes) -> None:
        self.peer.sendto(data, (str(self.local.address), self.local.port))

    async def from_us(self) -> bytes:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self.peer, 65_535), WITHIN_S)

    def kill(self) -> None:
        assert self.plane._pool.workers[0] is not None
        os.kill(self.plane._pool.workers[0]._process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        port: int = end.getsockname()[1]
        return port


@asynccontextmanager
async def started() -> AsyncIterator[Outside]:
    outside = Outside()
    try:
        await outside.plane.start()
        await outside.plane.listen_natt(outside.local)
        yield outside
    finally:
        await outside.plane.stop()
        outside.peer.close()


def run(story: Callable[[Outside], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with started() as outside:
            await story(outside)

    asyncio.run(whole())


def test_ike_both_ways() -> None:
    async def story(outside: Outside) -> None:
        outside.plane.send_ike(b"ISAKMP", outside.local, outside.remote)
        assert await outside.from_us() == b"\0\0\0\0ISAKMP"
        outside.to_us(b"\0\0\0\0" + bytes(60_000))
        assert await outside.event() == IkeDatagram(bytes(60_000), outside.local, outside.remote)

    run(story)


def test_sas_policies_and_counters() -> None:
    async def story(outside: Outside) -> None:
        ends = {"local": outside.local, "remote": outside.remote}
        outside.plane.add_policy(policy())
        outside.plane.add_sa(sa(Direction.IN, **ends))
        sealed = Outbound(sa(Direction.OUT), entropy()).seal([PACKET], 4)
        outside.to_us(sealed[0])
        outside.to_us(b"\0\0\x7f\x7f" + bytes(40))
        assert await outside.event() == UnknownSpi(0x7F7F, outside.local, outside.remote)
        (use,) = await outside.plane.query()
        assert (use.spi, use.direction, use.packets, use.bytes) == (SPI, Direction.IN, 1, len(PACKET))
        assert use.idle_s is not None
        counters = await outside.plane.counters()
        # The policy names a device that was never made, and a packet of an unknown SPI might still be early.
        expected = {"bytes-in": 21, "packets-in": 1, "drop-no-device": 1, "events-lost": 0, "datagrams-lost": 0}
        assert counters == expected
        outside.plane.delete_sa(SPI, Direction.IN)
        assert await outside.plane.query() == ()

    run(story)


def test_more_sas_than_fit_a_message() -> None:
    async def story(outside: Outside) -> None:
        count = USES_PER_MESSAGE + 7
        for spi in range(1000, 1000 + count):
            outside.plane.add_sa(sa(Direction.IN, spi=spi))
        assert await outside.plane.query() == tuple(SaUse(1000 + n, Direction.IN, reqid=1) for n in range(count))

    run(story)


def test_an_sa_that_the_worker_cannot_do_expires() -> None:
    async def story(outside: Outside) -> None:
        outside.plane.add_sa(sa(Direction.OUT, protocol=Protocol.AH))
        assert await outside.event() == Expire(SPI, Direction.OUT, 1, "paris", ExpireKind.HARD)

    run(story)


def test_keepalives() -> None:
    async def story(outside: Outside) -> None:
        outside.plane.keepalive(outside.local, outside.remote, 0.05)
        assert [await outside.from_us() for _ in range(2)] == [b"\xff", b"\xff"]

    run(story)


def test_esp_from_the_ike_port_and_out_of_a_lent_socket() -> None:
    async def story(outside: Outside) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as ike:
            ike.bind(("127.0.0.1", 0))
            local = Endpoint.of(*ike.getsockname())
            outside.plane.lend_ike_socket(local, ike.fileno())
        outside.plane.keepalive(local, outside.remote, 0.05)
        data = await outside.from_us()
        assert data == b"\xff"
        outside.plane.add_sa(sa(Direction.IN, encapsulation=Encapsulation.UDP_NON_IKE))
        (sealed,) = Outbound(sa(Direction.OUT), entropy()).seal([PACKET], 4)
        outside.plane.esp_datagram(sealed, local, outside.remote)
        (use,) = await outside.plane.query()
        assert use.packets == 1

    run(story)


def test_a_port_is_free_again_when_its_socket_was_returned() -> None:
    async def story(outside: Outside) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as ike:
            ike.bind(("127.0.0.1", 0))
            local = Endpoint.of(*ike.getsockname())
            outside.plane.lend_ike_socket(local, ike.fileno())
        await outside.plane.counters()
        with socket.socket(type=socket.SOCK_DGRAM) as again:
            with pytest.raises(OSError, match="in use"):
                again.bind((str(local.address), local.port))
            await outside.plane.return_ike_socket(local)
            await outside.plane.return_ike_socket(local)
            again.bind((str(local.address), local.port))

    run(story)


def test_a_crash_is_told_and_a_new_worker_has_the_sockets() -> None:
    async def story(outside: Outside) -> None:
        outside.plane.add_sa(sa(Direction.IN))
        outside.kill()
        assert await outside.event() == Crashed("the data plane's process was ended by signal 9")
        outside.plane.add_sa(sa(Direction.IN))
        assert await outside.plane.query() == ()
        await outside.plane.start()
        assert await outside.plane.query() == ()
        outside.to_us(b"\0\0\0\0ISAKMP")
        assert await outside.event() == IkeDatagram(b"ISAKMP", outside.local, outside.remote)

    run(story)


def test_a_worker_that_hangs_is_ended_and_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(outside: Outside) -> None:
        assert outside.plane._pool.workers[0] is not None
        os.kill(outside.plane._pool.workers[0]._process.pid, signal.SIGSTOP)
        monkeypatch.setattr("ikevpn.dataplane.userspace.control.patience.ANSWER_WITHIN_S", 0.05)
        asked = (outside.plane.query(), outside.plane.counters())
        refused = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), WITHIN_S)
        assert [str(each) for each in refused] == ["the data plane's process does not answer"] * 2
        assert await outside.event() == Crashed("the data plane's process was ended by signal 9")
        monkeypatch.undo()
        await outside.plane.start()
        assert await outside.plane.query() == ()

    run(story)


def test_who_asks_a_dying_worker_is_told() -> None:
    async def story(outside: Outside) -> None:
        assert outside.plane._pool.workers[0] is not None
        os.kill(outside.plane._pool.workers[0]._process.pid, signal.SIGSTOP)
        asked = asyncio.create_task(outside.plane.counters())
        await asyncio.sleep(0)
        outside.kill()
        with pytest.raises(HostError, match="has ended"):
            await asyncio.wait_for(asked, WITHIN_S)

    run(story)


def test_a_worker_that_is_behind_gets_everything_in_the_end() -> None:
    async def story(outside: Outside) -> None:
        assert outside.plane._pool.workers[0] is not None
        pid = outside.plane._pool.workers[0]._process.pid
        os.kill(pid, signal.SIGSTOP)
        for spi in range(1000, 4000):
            outside.plane.add_sa(sa(Direction.IN, spi=spi))
        assert outside.plane._pool.workers[0]._unsent
        os.kill(pid, signal.SIGCONT)
        assert len(await outside.plane.query()) == 3000

    run(story)


class Unsearched(deque[Any]):
    """A queue that may be long: none of its steps costs more for that."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("a search through all that waits")

    remove = insert = __delitem__ = None  # type: ignore[assignment]


def test_one_more_datagram_costs_the_same_however_much_waits() -> None:
    """A reload sends thousands of commands, and strangers go on."""

    async def story(outside: Outside) -> None:
        worker = outside.plane._pool.workers[0]
        assert worker is not None
        os.kill(worker._process.pid, signal.SIGSTOP)
        worker._unsent = Unsearched(worker._unsent)
        for spi in range(1000, 1500):
            outside.plane.add_sa(sa(Direction.IN, spi=spi))
        for number in range(2 * MOST_WAITING):
            outside.plane.esp_datagram(number.to_bytes(4, "big") * 200, outside.local, outside.remote)
        outside.plane.add_sa(sa(Direction.IN, spi=1500))
        assert worker.lost and worker._unsent
        os.kill(worker._process.pid, signal.SIGCONT)
        assert len(await outside.plane.query()) == 501

    run(story)


def test_datagrams_for_a_worker_that_is_behind_are_few() -> None:
    """Strangers send them; what changes something is never lost."""

    async def story(outside: Outside) -> None:
        worker = outside.plane._pool.workers[0]
        assert worker is not None
        os.kill(worker._process.pid, signal.SIGSTOP)
        outside.plane.add_sa(sa(Direction.IN, spi=1000))
        for number in range(5000):
            outside.plane.esp_datagram(number.to_bytes(4, "big") * 200, outside.local, outside.remote)
        outside.plane.add_sa(sa(Direction.IN, spi=1001))
        assert len(worker._datagrams) == MOST_WAITING
        latest = worker._datagrams[-1].command
        assert isinstance(latest, message.EspDatagram) and latest.data[:4] == (4999).to_bytes(4, "big")
        os.kill(worker._process.pid, signal.SIGCONT)
        assert len(await outside.plane.query()) == 2
        assert (await outside.plane.counters())["datagrams-lost"] == worker.lost > 1000

    run(story)


def test_the_end_of_the_plane_ends_its_events_and_its_worker() -> None:
    async def whole() -> None:
        async with started() as outside:
            assert outside.plane._pool.workers[0] is not None
            process = outside.plane._pool.workers[0]._process
            events = [event async for event in _after(outside.plane.stop(), outside.events)]
        assert events == []
        assert await process.wait() == 0
        await outside.plane.stop()

    async def _after(act: Awaitable[None], events: AsyncIterator[DataPlaneEvent]) -> AsyncIterator[DataPlaneEvent]:
        task = asyncio.ensure_future(act)
        async for event in events:
            yield event
        await task

    asyncio.run(whole())


def test_a_worker_that_does_not_listen_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikevpn.dataplane.userspace.control.process.STOP_WITHIN_S", 0.1)

    async def story(outside: Outside) -> None:
        assert outside.plane._pool.workers[0] is not None
        process = outside.plane._pool.workers[0]._process
        os.kill(process.pid, signal.SIGSTOP)
        await outside.plane.stop()
        assert await process.wait() == -signal.SIGKILL

    run(story)


def test_the_worker_ends_with_the_control_process() -> None:
    async def story(outside: Outside) -> None:
        assert outside.plane._pool.workers[0] is not None
        outside.plane._pool.workers[0]._end.shutdown(socket.SHUT_RDWR)
        assert await asyncio.wait_for(outside.plane._pool.workers[0]._process.wait(), WITHIN_S) == 0

    run(story)


def test_nothing_is_said_to_a_plane_that_was_not_started() -> None:
    async def whole() -> None:
        plane = UserspaceDataPlane()
        plane.add_sa(sa(Direction.IN))
        assert await plane.query() == ()
        assert await plane.counters() == {}
        await plane.delete_device("vpn")
        await plane.stop()

    asyncio.run(whole())


def test_a_taken_port() -> None:
    async def story(outside: Outside) -> None:
        await outside.plane.listen_natt(outside.local)
        with socket.socket(type=socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            with pytest.raises(HostError, match="is in use"):
                await outside.plane.listen_natt(Endpoint.of(*other.getsockname()))

    run(story)
