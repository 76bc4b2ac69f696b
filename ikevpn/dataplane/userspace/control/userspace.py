"""The control process's side of the userspace data plane: starts the workers, tells each what is for it, notices its
end.

Everything that needs privilege is opened here and handed over, and kept open here as well: while a worker does not run,
its devices still exist, nobody reads them, and their traffic goes nowhere. `start` after a crash hands all over again.
A worker that does not answer in time is ended, as if it had crashed.

Worker 0 has IKE and whatever belongs nowhere; devices, and with them policies and SAs, are where `placement` says, and
the kernel gives ESP to the worker that has its SA (`steering`).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence

from ikevpn.dataplane.interface.data_plane import Crashed, DataPlaneEvent
from ikevpn.dataplane.interface.event_queue import Backlog
from ikevpn.dataplane.interface.sa_plane import Expire, Mapping
from ikevpn.dataplane.kernel.process_usage import Use
from ikevpn.dataplane.userspace.control.placement import Placed, Placement
from ikevpn.dataplane.userspace.control.pool import Pool
from ikevpn.dataplane.userspace.forward import tally
from ikevpn.dataplane.userspace.io import outer_fields, rawip, tun, udp
from ikevpn.dataplane.userspace.io.steering import Steering
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.worker.rehearsal import Ends
from ikevpn.model.address import Address, Endpoint
from ikevpn.model.sa import Direction, ExpireKind, Policy, Sa, SaUse, Total
from ikevpn.wire.registry import Protocol

_Use = message.UseUdp | message.UseRaw | message.UseProbe


class UserspaceDataPlane:
    """`data_plane.DataPlane` on top of worker processes. All methods belong to one event loop."""

    def __init__(self, workers: int = 1, *, rehearsal: bool = False) -> None:
        self._count = workers
        self._rehearses = rehearsal
        self._rehearsals: dict[int, Ends] = {}  # by worker
        self._devices: dict[str, tun.Opened] = {}
        self._sockets: dict[_Use, Sequence[socket.socket]] = {}
        self._keepalives: dict[tuple[Endpoint, Endpoint], tuple[int, float]] = {}  # worker, seconds
        self._placement = Placement(workers)
        self._steering = Steering(lambda after_s, act: asyncio.get_running_loop().call_later(after_s, act))
        self._backlog = Backlog()
        self._something = asyncio.Event()
        self._pool = Pool(workers, self._event, self._equip, self._crashed)
        self._lost: set[str] = set()
        self._crash_told = False
        self._ended = False

    def prepare(self) -> None:
        """Before the control process gives up privileges that workers need as they begin. Raises HostError."""
        self._pool.open()

    async def start(self) -> Collection[str]:
        """Start all workers, and again those that ended. Returns the tunnels that lost SAs. Raises HostError."""
        self._ended = self._crash_told = False
        await self._pool.start()
        lost, self._lost = self._lost, set()
        return lost

    async def stop(self) -> None:
        """End the workers and close everything; the devices disappear and `events` ends."""
        await self._pool.stop()
        self._steering.close()
        for device in self._devices.values():
            os.close(device.descriptor)
        for ends in self._sockets.values():
            _close(ends)
        for rehearsal in self._rehearsals.values():
            rehearsal.close()
        self._devices.clear()
        self._sockets.clear()
        self._rehearsals.clear()
        self._keepalives.clear()
        self._ended = True
        self._something.set()

    # Devices and sockets

    async def add_device(self, name: str, mtu: int, peers: Iterable[Address] = ()) -> str:
        """Create a TUN device, down; returns the name the kernel gave. Raises HostError."""
        device = tun.open_device(name, mtu)
        self._devices[device.name] = device
        self._give_device(self._placement.place(device.name, peers), device)
        return device.name

    async def delete_device(self, name: str) -> None:
        """The device is gone when this returns. Nothing happens where it is not ours."""
        device = self._devices.pop(name, None)
        if device is None:
            return
        worker = self._placement.of_device(name)
        self._placement.forget(name)
        try:
            await self._pool.ask(worker, message.DropDevice(name))
        finally:
            os.close(device.descriptor)

    async def listen_natt(self, address: Endpoint) -> None:
        """Bind the socket of RFC 3948 (wildcard address allowed). Raises HostError where the port is taken."""
        use = message.UseUdp(address, receive=True)
        if use not in self._sockets:
            ends = udp.open_sockets(address, self._count + 1)
            self._use(use, ends[:-1])
            self._use(message.UseUdp(address, receive=True, strangers=True), ends[-1:])
            self._steering.use_udp(ends, strangers=True)
            self._probe(address.address.version)

    async def listen_raw(self, version: int, protocol: Protocol = Protocol.ESP) -> None:
        """Open a raw socket for ESP or AH over IPv4 or IPv6. Raises HostError."""
        use = message.UseRaw(version, protocol)
        if use not in self._sockets:
            ends = rawip.open_sockets(version, protocol, self._count)
            self._use(use, ends)
            self._steering.use_raw(version, protocol, ends)
            self._probe(version)

    def lend_ike_socket(self, local: Endpoint, descriptor: int) -> None:
        """Let ESP behind the non-IKE marker leave from the IKE port (drafts 00 and 01). Duplicates the descriptor."""
        use = message.UseUdp(local, receive=False)
        if use not in self._sockets:
            self._use(use, [socket.socket(fileno=os.dup(descriptor))] * self._count)

    async def return_ike_socket(self, local: Endpoint) -> None:
        """Close what was lent for `local`, so that the port can be bound again. Nothing happens where nothing was."""
        ends = self._sockets.pop(message.UseUdp(local, receive=False), None)
        if ends is None:
            return
        _close(ends)
        await asyncio.gather(*(self._pool.ask(worker, message.DropUdp(local)) for worker in range(self._count)))

    # SAs and policies

    def add_sa(self, sa: Sa) -> None:
        """To the worker of the device that its reqid leads to."""
        worker, before = self._placement.add_sa(sa)
        if before is not None:
            self._withdraw(before)
        self._pool.send(worker, message.AddSa(sa))
        if sa.direction is Direction.IN:
            self._steering.meet(sa.spi, sa.remote.address)
        if sa.direction is Direction.IN and self._count > 1:
            self._pool.send_all(message.Elsewhere(sa.spi, worker), but=worker)
            self._steering.own(sa.spi, worker)

    def delete_sa(self, spi: int, direction: Direction, reqid: int | None = None) -> None:
        self._pool.send_all(message.DeleteSa(spi, direction, reqid))
        for placed in self._placement.delete_sa(spi, direction, reqid):
            self._lead_nowhere(placed)

    def move_sas(self, spis: Sequence[int], local: Endpoint, remote: Endpoint) -> None:
        for worker, movable in self._placement.movable(spis).items():
            self._pool.send(worker, message.MoveSas(tuple(movable), local, remote))

    def add_policy(self, policy: Policy) -> None:
        self._pool.send(self._placement.add_policy(policy), message.AddPolicy(policy))
        self._end_strays(policy.reqid)

    def delete_policy(self, policy: Policy) -> None:
        self._placement.delete_policy(policy)
        self._pool.send_all(message.DeletePolicy(policy))
        self._end_strays(policy.reqid)

    def esp_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """ESP that arrived on the IKE port behind a non-IKE marker (drafts 00 and 01), marker removed."""
        worker = self._placement.inbound(int.from_bytes(data[:4], "big"))
        self._pool.send(worker, message.EspDatagram(data, local, remote))

    # IKE

    def send_ike(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """Send an ISAKMP datagram through the NAT-T socket; the worker puts the non-ESP marker in front."""
        self._pool.send(0, message.SendIke(data, local, remote))

    def keepalive(self, local: Endpoint, remote: Endpoint, interval_s: float) -> None:
        """Send one octet 0xff whenever nothing else went to `remote` for `interval_s`; 0 stops (RFC 3948 §4).

        From the worker that has the peer's traffic, because that one knows whether anything else went.
        """
        worker = self._placement.of_peer(remote.address)
        before, _ = self._keepalives.pop((local, remote), (worker, 0.0))
        if before != worker:
            self._pool.send(before, message.Keepalive(local, remote, 0))
        self._pool.send(worker, message.Keepalive(local, remote, interval_s))
        if interval_s > 0:
            self._keepalives[local, remote] = (worker, interval_s)

    # Answers and events

    async def query(self, spis: Sequence[int] = (), tunnels: Sequence[str] = ()) -> Sequence[SaUse]:
        """Counters of these inbound SAs, and of all SAs of these tunnels, or of every SA; none while no worker runs.
        Raises HostError where one hangs.
        """
        if spis and not tunnels:
            answers = await self._pool.ask_each(self._by_worker(spis))
        else:
            answers = await self._pool.ask_all(message.Query(tuple(spis), tuple(tunnels)))
        return tuple(use for uses in answers for use in uses)

    def _by_worker(self, spis: Sequence[int]) -> dict[int, message.Query]:
        """Each worker is asked about what it has."""
        found: dict[int, list[int]] = {}
        for spi in spis:
            found.setdefault(self._placement.inbound(spi), []).append(spi)
        return {worker: message.Query(tuple(theirs)) for worker, theirs in found.items()}

    async def totals(self) -> Sequence[Total]:
        """What each tunnel has carried since its worker started; nothing while none runs. Raises HostError."""
        return tally.merge(total for totals in await self._pool.ask_all(message.Sum()) for total in totals)

    @property
    def uses_of_processes(self) -> dict[str, Use]:
        """What the workers that run had used, by name, when they were last asked for counters."""
        numbered = enumerate(self._pool.workers)
        return {f"worker-{number}" if number else "worker": worker.use for number, worker in numbered if worker}

    async def counters(self) -> dict[str, int]:
        """Drops by reason that belong to no SA, and totals. Raises HostError where a worker ends or hangs."""
        workers = self._pool.running
        if not workers:
            return {}
        counts: Counter[str] = Counter()
        for answer in await self._pool.ask_all(message.Count()):
            counts.update(dict(answer.counts))
        counts["events-lost"] += self._backlog.lost  # here and in the workers
        counts["datagrams-lost"] = sum(worker.lost for worker in workers)  # on the way to them
        return dict(counts)

    async def events(self) -> AsyncIterator[DataPlaneEvent]:
        """Events in the order in which they happened, until `stop`. For one consumer."""
        while True:
            while self._backlog.events:
                yield self._backlog.pop()
            if self._ended:
                return
            self._something.clear()
            await self._something.wait()

    def _event(self, event: DataPlaneEvent) -> None:
        if isinstance(event, Mapping) and self._steering.has_met(event.spi):
            self._steering.meet(event.spi, event.new.address)
        self._backlog.push(event)
        self._something.set()

    def _crashed(self, detail: str) -> None:
        """Told once until the next start, which starts all that have ended."""
        if not self._crash_told:
            self._crash_told = True
            self._event(Crashed(detail))

    # Inside

    def _equip(self, worker: int) -> None:
        """A new worker is ready. What its predecessor had and is open here it gets; SAs are gone, for good."""
        for placed in self._placement.lose(worker):
            self._lost.add(placed.sa.tunnel)
            self._lead_nowhere(placed)
        for device in self._devices.values():
            if self._placement.of_device(device.name) == worker:
                self._give_device(worker, device)
        for use, ends in self._sockets.items():
            if worker < len(ends):
                self._pool.send(worker, use, ends[worker].fileno())
        self._equip_rehearsal(worker)
        for placed in self._placement:
            if placed.sa.direction is Direction.IN:
                self._pool.send(worker, message.Elsewhere(placed.sa.spi, placed.worker))
        for (local, remote), (sender, interval_s) in self._keepalives.items():
            if sender == worker:
                self._pool.send(worker, message.Keepalive(local, remote, interval_s))

    def _equip_rehearsal(self, worker: int) -> None:
        """With ends that no other has used: half of a packet's way may lie in those of a predecessor."""
        if not self._rehearses:
            return
        before = self._rehearsals.pop(worker, None)
        if before is not None:
            before.close()
        ends = Ends.open()
        if ends is not None:
            self._rehearsals[worker] = ends
            self._pool.send(worker, message.UseRehearsal(), *(each.fileno() for each in ends.sockets))

    def _end_strays(self, reqid: int) -> None:
        """SAs that were there before their device, in another worker: they are of no use, and IKE has to know."""
        for placed in self._placement.astray(reqid):
            sa = placed.sa
            self._placement.delete_sa(sa.spi, sa.direction, sa.reqid)
            self._withdraw(placed)
            self._event(Expire(sa.spi, sa.direction, sa.reqid, sa.tunnel, ExpireKind.HARD))

    def _withdraw(self, placed: Placed) -> None:
        sa = placed.sa
        self._pool.send(placed.worker, message.DeleteSa(sa.spi, sa.direction, sa.reqid))
        self._lead_nowhere(placed)

    def _lead_nowhere(self, placed: Placed) -> None:
        """Its packets go to nobody in particular."""
        if placed.sa.direction is Direction.IN:
            self._steering.part(placed.sa.spi)
        if placed.sa.direction is Direction.IN and self._count > 1:
            self._pool.send_all(message.Elsewhere(placed.sa.spi, None), but=placed.worker)
            self._steering.disown(placed.sa.spi)

    def _give_device(self, worker: int, device: tun.Opened) -> None:
        self._pool.send(worker, message.UseDevice(device.name, device.joins_udp), device.descriptor)

    def _probe(self, version: int) -> None:
        """Where the sockets are, routes are asked for too."""
        use = message.UseProbe(version)
        if use not in self._sockets:
            self._use(use, [outer_fields.open_probe(version) for _ in range(self._count)])

    def _use(self, use: _Use, ends: Sequence[socket.socket]) -> None:
        self._sockets[use] = ends
        for worker, end in enumerate(ends):
            self._pool.send(worker, use, end.fileno())


def _close(ends: Iterable[socket.socket]) -> None:
    for end in ends:
        end.close()
