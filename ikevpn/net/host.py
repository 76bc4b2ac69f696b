"""The host for asyncio: plans by owner, paths and addresses. All netlink happens in one thread, one call at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as FilePath
from typing import TypeVar

from ikevpn.errors import HostError
from ikevpn.model.address import Address, AddressRange
from ikevpn.net.follow.presence import Presence
from ikevpn.net.follow.rivals import Claim, Rival, find_rivals
from ikevpn.net.kernel.packet_table import PacketTable, table_name
from ikevpn.net.kernel.rtnetlink import Interface, Kernel
from ikevpn.net.plan import local
from ikevpn.net.plan.journal import Journal
from ikevpn.net.plan.ledger import Ledger
from ikevpn.net.plan.local import Path, Surroundings
from ikevpn.net.plan.steps import Plan
from ikevpn.net.plan.strays import sweep

T = TypeVar("T")
JOURNAL = "host.journal"


class Host:
    """What the service may do to this host. Use: `open`, then anything, then `close`."""

    def __init__(self, state: FilePath, ike_ports: tuple[int, ...] = (500, 4500)) -> None:
        self._state = state
        self._ike_ports = ike_ports
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="netlink")
        self._surroundings: Surroundings | None = None
        self._kernel: Kernel
        self._presence: Presence
        self._journal: Journal
        self._ledger: Ledger

    async def open(self) -> None:
        """Open netlink and the journal in the folder `state`. Raises HostError."""
        await self._call(self._open)

    async def close(self, *, undo: bool = True) -> None:
        """Put back what this run did and let go; without `undo` everything stays in force for a next run to find.

        Raises HostError after everything was tried.
        """
        try:
            if undo:
                await self._call(self._ledger.undo_all)
        finally:
            await self._call(self._close)
            self._thread.shutdown()

    async def apply(self, owner: str, plan: Plan) -> None:
        """From now on exactly `plan` is in force for `owner`. Raises HostError; then everything is as before."""
        await self._call(lambda: self._ledger.apply(owner, plan))

    async def undo(self, owner: str) -> None:
        """Nothing is in force for `owner` any more. Raises HostError after everything was tried."""
        await self._call(lambda: self._ledger.undo(owner))

    async def delete_devices(self) -> None:
        """The devices of all tunnels go at once; blocks stay. Before the tunnels themselves go, for their descriptors
        close the faster for it. Raises HostError.
        """
        await self._call(self._kernel.delete_group)

    async def settle(self) -> None:
        """Undo what a run that crashed left behind and no plan has claimed since: call it after the plans of the start.

        Until then its blocks stay in force, so that no traffic leaves in clear between two runs. Where there is no
        journal of an earlier run, and no other daemon in this network namespace, that includes what no journal knows
        of. Raises HostError.
        """
        await self._call(self._settle)

    async def path_to(self, remote: Address, source: Address | None = None) -> Path:
        """By which address, device and router a peer is reached, our own tunnels aside. Raises HostError."""
        return await self._call(
            lambda: local.path_to(self._kernel, remote, source, led_away=self._ledger.leads_away(remote))
        )

    async def address_on(self, device: str, version: int) -> Address:
        """Our address on a device. Raises HostError where it has none."""
        return await self._call(lambda: local.address_on(self._kernel, device, version))

    async def source_in(self, networks: Iterable[AddressRange]) -> Address | None:
        """An address of our own in one of `networks`."""
        return await self._call(lambda: local.source_in(self._kernel, networks))

    async def surroundings(self) -> Surroundings:
        """What is around this host: read once, until `forget_surroundings`, since every tunnel asks."""
        if self._surroundings is None:
            self._surroundings = await self._call(lambda: local.surroundings(self._kernel))
        return self._surroundings

    def forget_surroundings(self) -> None:
        """Somebody has changed something: the next one to ask looks again."""
        self._surroundings = None

    async def rivals(
        self, claims: Mapping[str, Iterable[Claim]], devices: Collection[str]
    ) -> dict[str, tuple[Rival, ...]]:
        """Routes of the host that win over those of each tunnel. Raises HostError."""
        return await self._call(lambda: find_rivals(self._kernel, claims, devices))

    async def own_addresses(self) -> list[tuple[str, Interface]]:
        """All addresses of this host with their devices."""
        return await self._call(self._kernel.own_addresses)

    async def discarded(self) -> int | None:
        """How many packets that came unprotected were discarded; None where none would be. Raises HostError."""
        return await self._call(self._kernel.packets.discarded)

    async def port(self) -> int:
        """By which our changes are known in what the kernel tells everybody. Raises HostError."""
        return await self._call(lambda: self._kernel.port)

    async def restore_routes(self) -> list[str]:
        """Put back rules and routes of ours that somebody else has deleted, and name them. Raises HostError."""
        return [str(step) for step in await self._call(self._ledger.restore)]

    async def restore_packets(self) -> bool:
        """Write our table of nftables anew where somebody has flushed it; says whether so. Raises HostError."""
        return await self._call(self._kernel.packets.restore)

    def _open(self) -> None:
        self._kernel = Kernel(PacketTable(table_name(self._state), self._ike_ports))
        self._presence = Presence()
        try:
            self._journal = Journal(self._state / JOURNAL)
        except HostError:
            self._presence.close()
            self._kernel.close()
            raise
        self._ledger = Ledger(self._kernel, self._journal)

    def _settle(self) -> None:
        self._ledger.settle()
        if self._journal.is_new and self._presence.is_alone():
            sweep(self._kernel, self._ledger.steps())

    def _close(self) -> None:
        self._presence.close()
        self._kernel.close()
        self._journal.close()

    async def _call(self, verb: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, verb)
