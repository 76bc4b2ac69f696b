"""The control process's side of the userspace data plane: starts the worker, speaks to it, notices its end.

Everything that needs privilege is opened here and handed over, and kept open here as well: while no worker runs, the
devices still exist, nobody reads them, and their traffic goes nowhere. `start` after a crash hands all over again.
A worker that does not answer in time is ended, as if it had crashed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

from ikevpn.dataplane import message, rawesp, tun, udp
from ikevpn.dataplane.backlog import Backlog
from ikevpn.dataplane.interface import Crashed, DataPlaneEvent
from ikevpn.dataplane.process import WorkerProcess
from ikevpn.errors import HostError
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Policy, Sa, SaUse, Total

ANSWER_WITHIN_S = 5.0


class UserspaceDataPlane:
    """`interface.DataPlane` on top of a worker process. All methods belong to one event loop."""

    def __init__(self) -> None:
        self._devices: dict[str, tun.Opened] = {}
        self._sockets: dict[message.UseUdp | message.UseRaw, socket.socket] = {}
        self._backlog = Backlog()
        self._something = asyncio.Event()
        self._worker: WorkerProcess | None = None
        self._ended = False

    async def start(self) -> None:
        """Start the worker, and again after `Crashed`. Raises HostError."""
        if self._worker is not None:
            return
        self._ended = False
        worker = await WorkerProcess.start(self._event, self._crashed)
        self._worker = worker
        for device in self._devices.values():
            worker.send(message.UseDevice(device.name, device.joins_udp), device.descriptor)
        for use, end in self._sockets.items():
            worker.send(use, end.fileno())

    async def stop(self) -> None:
        """End the worker and close everything; the devices disappear and `events` ends."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.stop()
        for device in self._devices.values():
            os.close(device.descriptor)
        for end in self._sockets.values():
            end.close()
        self._devices.clear()
        self._sockets.clear()
        self._ended = True
        self._something.set()

    async def add_device(self, name: str, mtu: int) -> str:
        """Create a TUN device, down; returns the name the kernel gave. Raises HostError."""
        device = tun.open_device(name, mtu)
        self._devices[device.name] = device
        self._send(message.UseDevice(device.name, device.joins_udp), device.descriptor)
        return device.name

    async def delete_device(self, name: str) -> None:
        """The device is gone when this returns. Nothing happens where it is not ours."""
        device = self._devices.pop(name, None)
        if device is None:
            return
        try:
            if self._worker is not None:
                with contextlib.suppress(HostError):  # a worker that crashed holds it no longer
                    await _ask(self._worker, message.DropDevice(name))
        finally:
            os.close(device.descriptor)

    async def listen_natt(self, address: Endpoint) -> None:
        """Bind the socket of RFC 3948 (wildcard address allowed). Raises HostError where the port is taken."""
        use = message.UseUdp(address, receive=True)
        if use not in self._sockets:
            self._use(use, udp.open_socket(address))

    async def listen_raw(self, version: int) -> None:
        """Open a raw socket for protocol 50 over IPv4 or IPv6. Raises HostError."""
        use = message.UseRaw(version)
        if use not in self._sockets:
            self._use(use, rawesp.open_socket(version))

    def lend_ike_socket(self, local: Endpoint, descriptor: int) -> None:
        """Let ESP behind the non-IKE marker leave from the IKE port (drafts 00 and 01). Duplicates the descriptor."""
        use = message.UseUdp(local, receive=False)
        if use not in self._sockets:
            self._use(use, socket.socket(fileno=os.dup(descriptor)))

    async def return_ike_socket(self, local: Endpoint) -> None:
        """Close what was lent for `local`, so that the port can be bound again. Nothing happens where nothing was."""
        end = self._sockets.pop(message.UseUdp(local, receive=False), None)
        if end is None:
            return
        end.close()
        if self._worker is not None:
            with contextlib.suppress(HostError):  # a worker that crashed holds it no longer
                await _ask(self._worker, message.DropUdp(local))

    def add_sa(self, sa: Sa) -> None:
        self._send(message.AddSa(sa))

    def delete_sa(self, spi: int, direction: Direction, reqid: int | None = None) -> None:
        self._send(message.DeleteSa(spi, direction, reqid))

    def move_sas(self, spis: Sequence[int], local: Endpoint, remote: Endpoint) -> None:
        self._send(message.MoveSas(tuple(spis), local, remote))

    def add_policy(self, policy: Policy) -> None:
        self._send(message.AddPolicy(policy))

    def delete_policy(self, policy: Policy) -> None:
        self._send(message.DeletePolicy(policy))

    def send_ike(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """Send an ISAKMP datagram through the NAT-T socket; the worker puts the non-ESP marker in front."""
        self._send(message.SendIke(data, local, remote))

    def keepalive(self, local: Endpoint, remote: Endpoint, interval_s: float) -> None:
        """Send one octet 0xff whenever nothing else went to `remote` for `interval_s`; 0 stops (RFC 3948 §4)."""
        self._send(message.Keepalive(local, remote, interval_s))

    def esp_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        """ESP that arrived on the IKE port behind a non-IKE marker (drafts 00 and 01), marker removed."""
        self._send(message.EspDatagram(data, local, remote))

    async def query(self) -> Sequence[SaUse]:
        """Counters of every SA; none while no worker runs. Raises HostError where the worker ends or hangs."""
        return () if self._worker is None else await _ask(self._worker, message.Query())

    async def totals(self) -> Sequence[Total]:
        """What each tunnel has carried since the worker started; nothing while none runs. Raises HostError."""
        return () if self._worker is None else await _ask(self._worker, message.Sum())

    @property
    def pid(self) -> int | None:
        """The worker's process, where there is one."""
        return None if self._worker is None else self._worker.pid

    async def counters(self) -> dict[str, int]:
        """Drops by reason that belong to no SA, and totals. Raises HostError where the worker ends or hangs."""
        worker = self._worker
        if worker is None:
            return {}
        answer = await _ask(worker, message.Count())
        counts = dict(answer.counts)
        counts["events-lost"] += self._backlog.lost  # here and in the worker
        counts["datagrams-lost"] = worker.lost  # on the way to the worker
        return counts

    async def events(self) -> AsyncIterator[DataPlaneEvent]:
        """Events in the order in which they happened, until `stop`. For one consumer."""
        while True:
            while self._backlog:
                yield self._backlog.pop()
            if self._ended:
                return
            self._something.clear()
            await self._something.wait()

    def _use(self, use: message.UseUdp | message.UseRaw, end: socket.socket) -> None:
        self._sockets[use] = end
        self._send(use, end.fileno())

    def _send(self, command: message.Command, *descriptors: int) -> None:
        if self._worker is not None:
            self._worker.send(command, *descriptors)

    def _event(self, event: DataPlaneEvent) -> None:
        self._backlog.push(event)
        self._something.set()

    def _crashed(self, detail: str) -> None:
        self._worker = None
        self._event(Crashed(detail))


async def _ask(worker: WorkerProcess, command: message.Command) -> Any:
    """The answer. Raises HostError where the worker ends meanwhile, or hangs; then it is ended."""
    try:
        return await asyncio.wait_for(worker.ask(command), ANSWER_WITHIN_S)
    except TimeoutError:
        worker.kill()
        raise HostError("the data plane's process does not answer", reason="data-plane-gone") from None
