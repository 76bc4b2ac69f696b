"""Two real workers over loopback: what is said to which, and what is left when one of them ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import pytest

from ikevpn.dataplane.interface.data_plane import Crashed
from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Expire
from ikevpn.dataplane.userspace.control.children import Children
from ikevpn.dataplane.userspace.control.process import WorkerProcess
from ikevpn.dataplane.userspace.control.userspace import UserspaceDataPlane
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.errors import HostError
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Sa, SaUse
from tests.dataplane.fakes import PACKET, policy
from tests.dataplane.userspace.control.test_userspace import WITHIN_S, Outside
from tests.esp.samples import CBC_SHA1, entropy, sa


class Two(Outside):
    """Policies of reqid 1 are with worker 0, those of reqid 2 with worker 1."""

    def __init__(self) -> None:
        super().__init__()
        self.plane = UserspaceDataPlane(2)
        self.events = self.plane.events()

    def policies(self) -> None:
        for reqid in (1, 2):
            self.plane.add_policy(policy(device=f"vpn{reqid}", reqid=reqid))

    def sa(self, way: Direction, reqid: int, *keys: object, **changes: object) -> Sa:
        ends = {"local": self.local, "remote": self.remote}
        tunnel = {1: "paris", 2: "rome"}[reqid]
        return sa(way, *keys, **{"spi": 0x1000 + reqid, "reqid": reqid, "tunnel": tunnel, **ends, **changes})  # type: ignore[arg-type]

    async def known(self) -> list[set[tuple[int, Direction]]]:
        """SAs of each worker."""
        found: list[set[tuple[int, Direction]]] = []
        for worker in self.plane._pool.workers:
            uses: tuple[SaUse, ...] = () if worker is None else await worker.ask(message.Query())
            found.append({(use.spi, use.direction) for use in uses})
        return found

    async def uses(self, enough: Callable[[Sequence[SaUse]], bool]) -> Sequence[SaUse]:
        """All SAs, once they are as they should be."""
        async with asyncio.timeout(WITHIN_S):
            while not enough(found := await self.plane.query()):
                pass
        return found

    async def crash(self, worker: int) -> None:
        process = self.plane._pool.workers[worker]
        assert process is not None
        os.kill(process._process.pid, signal.SIGKILL)
        assert isinstance(await self.event(), Crashed)


def run(story: Callable[[Two], Awaitable[None]]) -> None:
    async def whole() -> None:
        two = Two()
        try:
            assert await two.plane.start() == set()
            await two.plane.listen_natt(two.local)
            two.policies()
            await story(two)
        finally:
            await two.plane.stop()
            two.peer.close()

    asyncio.run(whole())


def sealed(spi: int, count: int = 1) -> list[bytes]:
    return Outbound(sa(Direction.OUT, spi=spi), entropy()).seal([PACKET] * count, [4] * count)


def test_every_sa_is_in_one_worker_and_gets_its_packets() -> None:
    async def story(two: Two) -> None:
        for reqid in (1, 2):
            for way in Direction:
                two.plane.add_sa(two.sa(way, reqid))
        assert await two.known() == [{(0x1001, way) for way in Direction}, {(0x1002, way) for way in Direction}]
        for spi in (0x1002, 0x1001, 0x1002):
            for packet in sealed(spi, 3):
                two.to_us(packet)
        seen = await two.uses(lambda uses: sum(use.packets + sum(dict(use.drops).values()) for use in uses) == 9)
        uses = {use.spi: use for use in seen if use.direction is Direction.IN}
        assert {spi: use.packets for spi, use in uses.items()} == {0x1001: 3, 0x1002: 3}
        assert dict(uses[0x1002].drops) == {"replay": 3}
        assert "handed-over" not in await two.plane.counters()
        two.plane.delete_sa(0x1002, Direction.IN)
        two.plane.delete_sa(0x1001, Direction.OUT, 1)
        assert await two.known() == [{(0x1001, Direction.IN)}, {(0x1002, Direction.OUT)}]

    run(story)


def test_packets_that_come_too_early_find_their_sa_in_another_worker() -> None:
    async def story(two: Two) -> None:
        two.to_us(sealed(0x1002)[0])
        await two.event()  # the first worker has it, and knows nothing of the SPI
        two.plane.add_sa(two.sa(Direction.IN, 2))
        await two.uses(lambda uses: any(use.packets for use in uses))
        assert (await two.plane.counters())["handed-over"] == 1

    run(story)


def test_an_spi_that_is_given_anew_leaves_its_old_worker() -> None:
    async def story(two: Two) -> None:
        two.plane.add_sa(two.sa(Direction.IN, 1, spi=7))
        two.plane.add_sa(two.sa(Direction.IN, 2, CBC_SHA1, spi=7))
        assert await two.known() == [set(), {(7, Direction.IN)}]
        two.to_us(sealed(7)[0])
        (use,) = await two.uses(lambda uses: bool(uses[0].drops))
        assert use.packets == 0

    run(story)


def test_ike_comes_and_goes_whatever_is_placed_where() -> None:
    async def story(two: Two) -> None:
        two.plane.add_sa(two.sa(Direction.IN, 2))
        two.to_us(b"\0\0\0\0ISAKMP")
        assert await two.event() == IkeDatagram(b"ISAKMP", two.local, two.remote)
        two.plane.send_ike(b"answer", two.local, two.remote)
        assert await two.from_us() == b"\0\0\0\0answer"

    run(story)


def test_esp_from_the_ike_port_goes_to_the_worker_of_its_spi() -> None:
    async def story(two: Two) -> None:
        two.plane.add_sa(two.sa(Direction.IN, 2, encapsulation=Encapsulation.UDP_NON_IKE))
        two.plane.esp_datagram(sealed(0x1002)[0], two.local, two.remote)
        (use,) = await two.plane.query()
        assert use.packets == 1
        assert "handed-over" not in await two.plane.counters()

    run(story)


def test_keepalives_come_from_the_worker_that_has_the_traffic_and_outlive_it() -> None:
    async def story(two: Two) -> None:
        two.plane.keepalive(two.local, two.remote, 0.05)
        assert await two.from_us() == b"\xff"
        for way in Direction:
            two.plane.add_sa(two.sa(way, 2))
        two.plane.keepalive(two.local, two.remote, 0.05)
        await two.crash(0)
        drain(two.peer)
        assert await two.from_us() == b"\xff"
        await two.plane.start()
        await two.crash(1)
        drain(two.peer)
        await two.plane.start()
        assert await two.from_us() == b"\xff"
        two.plane.keepalive(two.local, two.remote, 0)
        await two.plane.counters()
        drain(two.peer)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(two.peer, 100), 0.2)

    run(story)


def drain(end: socket.socket) -> None:
    try:
        while True:
            end.recv(100)
    except BlockingIOError:
        return


def test_a_crash_costs_the_sas_of_that_worker_alone() -> None:
    async def story(two: Two) -> None:
        for reqid in (1, 2):
            two.plane.add_sa(two.sa(Direction.IN, reqid))
        await two.crash(1)
        two.plane.add_sa(two.sa(Direction.IN, 2, spi=0x2002))  # nobody is there to take it
        assert await two.known() == [{(0x1001, Direction.IN)}, set()]
        assert await two.plane.start() == {"rome"}
        assert await two.plane.start() == set()
        assert await two.known() == [{(0x1001, Direction.IN)}, set()]
        two.plane.add_sa(two.sa(Direction.IN, 2))
        for spi in (0x1001, 0x1002):
            two.to_us(sealed(spi)[0])
        await two.uses(lambda uses: {use.spi for use in uses if use.packets} == {0x1001, 0x1002})

    run(story)


def test_two_crashes_are_one_event_and_one_start() -> None:
    async def story(two: Two) -> None:
        for reqid in (1, 2):
            two.plane.add_sa(two.sa(Direction.IN, reqid))
        processes = list(two.plane._pool.running)
        for process in processes:
            os.kill(process._process.pid, signal.SIGKILL)
        for process in processes:
            await process._process.wait()
        async with asyncio.timeout(WITHIN_S):
            while two.plane._pool.running:
                with contextlib.suppress(HostError):  # the loop buries them meanwhile
                    await two.plane.query()
        assert isinstance(await two.event(), Crashed)
        assert await two.plane.start() == {"paris", "rome"}
        two.to_us(b"\0\0\0\0ISAKMP")
        assert await two.event() == IkeDatagram(b"ISAKMP", two.local, two.remote)

    run(story)


async def refuse(children: Children, channel: int) -> NoReturn:
    raise HostError("the data plane's process cannot be started: Resource temporarily unavailable")


def test_one_that_does_not_start_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(two: Two) -> None:
        two.plane.add_sa(two.sa(Direction.IN, 2))
        await two.crash(1)
        with monkeypatch.context() as broken:
            broken.setattr(Children, "start", refuse)
            with pytest.raises(HostError, match="cannot be started"):
                await two.plane.start()
        assert [worker is None for worker in two.plane._pool.workers] == [False, True]
        assert await two.plane.start() == {"rome"}

    run(story)


def test_an_sa_whose_device_turns_out_to_be_elsewhere_ends() -> None:
    async def story(two: Two) -> None:
        stray = sa(Direction.OUT, spi=9, reqid=3, remote=Endpoint.of("192.0.2.9", 4500))
        two.plane.add_sa(stray)
        two.plane.add_policy(policy(device="vpn2", reqid=3))
        assert await two.event() == Expire(9, Direction.OUT, 3, "paris", ExpireKind.HARD)
        assert await two.known() == [set(), set()]
        assert await asyncio.wait_for(two.plane.query(), WITHIN_S) == ()

    run(story)


def test_a_question_about_some_sas_goes_to_their_workers_alone_and_takes_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[message.Command] = []
    send = WorkerProcess.send

    def counted(self: WorkerProcess, command: message.Command, *descriptors: int) -> None:
        asked.append(command)
        send(self, command, *descriptors)

    async def story(two: Two) -> None:
        for reqid in (1, 2):
            for way in Direction:
                two.plane.add_sa(two.sa(way, reqid))
        monkeypatch.setattr(WorkerProcess, "send", counted)
        assert [(use.spi, use.direction) for use in await two.plane.query([0x1002])] == [(0x1002, Direction.IN)]
        assert asked == [message.Query((0x1002,))]
        asked.clear()
        assert {use.spi for use in await two.plane.query([0x1001, 0x1002, 0x999])} == {0x1001, 0x1002}
        assert asked == [message.Query((0x1001, 0x999)), message.Query((0x1002,))]
        assert {(use.spi, use.direction) for use in await two.plane.query(tunnels=["rome"])} == {
            (0x1002, way) for way in Direction
        }
        monkeypatch.undo()

    run(story)
