"""The IKE port on loopback: every address has its socket, and each datagram is known by both ends."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.service.ike_port.ports import IkePorts

ONE, TWO = ip_address("127.0.0.1"), ip_address("127.0.0.2")
Arrived = tuple[bytes, Endpoint, Endpoint]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def nothing(local: Endpoint) -> None:
    """Nobody has made anything of a descriptor."""


@asynccontextmanager
async def ports() -> AsyncIterator[tuple[IkePorts, asyncio.Queue[Arrived]]]:
    arrived: asyncio.Queue[Arrived] = asyncio.Queue()
    opened = IkePorts(free_port(), lambda *what: arrived.put_nowait(what), lambda local, descriptor: None, nothing)
    try:
        yield opened, arrived
    finally:
        await opened.close()


def test_a_datagram_is_known_by_the_address_it_came_to() -> None:
    async def scenario() -> None:
        async with ports() as (ike, arrived):
            await ike.follow([ONE, TWO])
            here, there = Endpoint(ONE, ike.port), Endpoint(TWO, ike.port)
            ike.send(b"hello", here, there)
            assert await asyncio.wait_for(arrived.get(), 90) == (b"hello", there, here)
            ike.send(b"back", there, here)
            assert await asyncio.wait_for(arrived.get(), 90) == (b"back", here, there)

    asyncio.run(scenario())


def test_addresses_come_and_go() -> None:
    async def scenario() -> None:
        async with ports() as (ike, _):
            await ike.follow([ONE])
            await ike.follow([TWO])
            assert ike.addresses == {TWO}
            await ike.ensure(ONE)
            assert ike.addresses == {ONE, TWO}
            ike.send(b"x", Endpoint.of("127.0.0.9", ike.port), Endpoint(ONE, ike.port))
            assert ike.counters["send-no-such-address"] == 1

    asyncio.run(scenario())


def test_an_address_that_comes_back_hears_again_although_its_descriptor_was_duplicated() -> None:
    async def scenario() -> None:
        lent: dict[Endpoint, int] = {}
        arrived: asyncio.Queue[Arrived] = asyncio.Queue()

        async def give_back(local: Endpoint) -> None:
            await asyncio.sleep(0)  # whoever has it is another process
            os.close(lent.pop(local))

        ike = IkePorts(
            free_port(),
            lambda *what: arrived.put_nowait(what),
            lambda local, descriptor: lent.update({local: os.dup(descriptor)}),
            give_back,
        )
        await ike.follow([ONE, TWO])
        assert [local.address for local in lent] == [ONE, TWO]
        going = asyncio.create_task(ike.follow([TWO]))
        await asyncio.sleep(0)
        await ike.ensure(ONE)
        await going
        here, there = Endpoint(ONE, ike.port), Endpoint(TWO, ike.port)
        ike.send(b"again", there, here)
        assert await asyncio.wait_for(arrived.get(), 90) == (b"again", here, there)
        await ike.close()
        assert lent == {}

    asyncio.run(scenario())


def test_a_taken_port_is_a_sentence_and_the_other_addresses_are_served() -> None:
    async def scenario() -> None:
        async with ports() as (ike, _):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind(("127.0.0.1", ike.port))
                with pytest.raises(HostError, match=f"UDP 127.0.0.1:{ike.port} is in use") as refused:
                    await ike.follow([ONE, TWO])
            assert refused.value.reason == "port-in-use" and "charon" in refused.value.fix
            assert ike.addresses == {TWO}

    asyncio.run(scenario())


def test_an_address_of_somebody_else_is_a_sentence() -> None:
    async def scenario() -> None:
        async with ports() as (ike, _):
            with pytest.raises(HostError, match=r"does not have the address 192\.0\.2\.55"):
                await ike.ensure(ip_address("192.0.2.55"))

    asyncio.run(scenario())


def test_an_error_of_one_send_does_not_end_the_port() -> None:
    async def scenario() -> None:
        async with ports() as (ike, arrived):
            await ike.follow([ONE])
            here = Endpoint(ONE, ike.port)
            ike.send(bytes(70_000), here, here)  # longer than UDP can be
            ike.send(b"still there", here, here)
            assert (await asyncio.wait_for(arrived.get(), 90))[0] == b"still there"
            assert ike.counters["socket-error"] == 1

    asyncio.run(scenario())


def test_first_messages_have_a_queue_of_their_own() -> None:
    """More of them than a queue holds, and nobody reads: what names a cookie gets through."""

    async def scenario() -> None:
        async with ports() as (ike, arrived):
            await ike.follow([ONE])
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
                for _ in range(10_000):
                    flood.sendto(b"i" * 8 + bytes(8) + bytes(500), (str(ONE), ike.port))
                flood.sendto(b"i" * 8 + b"r" * 8 + bytes(500), (str(ONE), ike.port))
            data, _, _ = await asyncio.wait_for(_with_cookie(arrived), 5)
            assert data[8:16] == b"r" * 8
            assert ike.counters["kernel-overflow-first-messages"] > 0 and not ike.counters["kernel-overflow"]

    asyncio.run(scenario())


async def _with_cookie(arrived: asyncio.Queue[Arrived]) -> Arrived:
    while not any((found := await arrived.get())[0][8:16]):
        pass
    return found


def test_short_ones_and_marked_esp_go_the_usual_way() -> None:
    async def scenario() -> None:
        async with ports() as (ike, arrived):
            await ike.follow([ONE])
            here = Endpoint(ONE, ike.port)
            ends = ike._open[ONE]._ends
            for data in (b"\xff", bytes(15), bytes(8) + b"spi " + bytes(50)):
                ike.send(data, here, here)
                assert (await asyncio.wait_for(arrived.get(), 5))[0] == data
            assert ends[0].getsockname() == ends[1].getsockname()
            ends[1].setblocking(False)
            with pytest.raises(BlockingIOError):
                ends[1].recv(1)

    asyncio.run(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may have so much")
def test_a_peer_that_nobody_answers_for_does_not_hold_up_the_others() -> None:
    """The kernel keeps up to 208 KiB for each neighbour that it looks for, and charges them to the socket."""

    async def scenario() -> None:
        async with ports() as (ike, _):
            await ike.follow([ONE])
            room = [end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for end in ike._open[ONE]._ends]
            assert min(room) > 10 * 212_992

    asyncio.run(scenario())
