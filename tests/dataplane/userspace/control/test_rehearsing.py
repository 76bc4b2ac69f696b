"""Whether workers rehearse is said to the plane as it is made. Real workers, over loopback."""

from __future__ import annotations

import asyncio

from ikevpn.dataplane.interface.data_plane import Crashed
from ikevpn.dataplane.userspace.control.userspace import UserspaceDataPlane
from ikevpn.model.sa import Direction
from tests.dataplane.userspace.control.test_userspace import WITHIN_S, Outside
from tests.esp.samples import sa


class Rehearsing(Outside):
    def __init__(self) -> None:
        super().__init__()
        self.plane = UserspaceDataPlane(rehearsal=True)
        self.events = self.plane.events()

    async def packets(self) -> None:
        """From a peer with an SA, until the worker has rehearsed between them."""
        self.plane.add_sa(sa(Direction.IN, local=self.local, remote=self.remote))
        async with asyncio.timeout(WITHIN_S):
            while not (await self.plane.counters()).get("rehearsals"):
                self.to_us(b"\xff")
                await asyncio.sleep(0.01)


def test_a_worker_that_is_started_again_rehearses_again() -> None:
    async def story() -> None:
        outside = Rehearsing()
        try:
            await outside.plane.start()
            await outside.plane.listen_natt(outside.local)
            await outside.packets()
            outside.kill()
            assert isinstance(await outside.event(), Crashed)
            await outside.plane.start()
            await outside.packets()
            kept = [end for ends in outside.plane._rehearsals.values() for end in ends.sockets]
            await outside.plane.stop()
            assert kept and all(end.fileno() == -1 for end in kept)
        finally:
            await outside.plane.stop()
            outside.peer.close()

    asyncio.run(story())


def test_by_default_no_socket_is_opened_for_it() -> None:
    async def story() -> None:
        outside = Outside()
        try:
            await outside.plane.start()
            assert not outside.plane._rehearsals
        finally:
            await outside.plane.stop()
            outside.peer.close()

    asyncio.run(story())
