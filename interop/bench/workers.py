"""`python -m interop.bench.workers`: what a second worker gives, on two cores that nobody else uses meanwhile.

On a machine with two cores two gateways and their load would share what the second worker is to gain. So here one data
plane stands alone, without IKE, with two tunnels. While its workers are stopped, their queues are filled; then they
run, each on a core of its own, until all is done, and only that time counts.

inward    ESP waits in the sockets of the NAT-T port; what is inside goes into the TUN devices and ends there
outward   UDP waits in the queues of the TUN devices; ESP goes over a wire to nobody

Runs with one worker and with two alternate. Throughput is told twice: by the clock, and by the CPU time of the busiest
worker, which says what the clock would on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from statistics import median

from ikevpn.dataplane.userspace.control.userspace import UserspaceDataPlane
from ikevpn.dataplane.userspace.io import offload, udp
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, Policy, Sa, SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import EspCipher, Integrity, Protocol

TUNNELS = (1, 2)
INNER = 1372  # octets of a packet inside
TOGETHER = 40  # packets that a load puts into one call
CALLS = 1500  # of each tunnel; the queue of a device has to hold them
QUEUE_OCTETS = 1 << 29
POLL_S = 0.01
LONGEST_S = 10.0
OURS = "192.0.2.1"
_CLONE_NEWNET = 0x40000000
_SO_SNDBUFFORCE = 32
_NOBODY = "02:00:00:00:00:99"


@dataclass(frozen=True)
class Run:
    """`wall_s` of all workers together, and the CPU seconds of each."""

    wall_s: float
    cpu_s: tuple[float, ...]

    def mbit_per_s(self, seconds: float) -> float:
        """What that would be for all packets of the run."""
        return len(TUNNELS) * CALLS * TOGETHER * INNER * 8 / 1e6 / seconds


class Bench:
    """One data plane and what is sent to it."""

    def __init__(self, workers: int) -> None:
        self._plane = UserspaceDataPlane(workers)
        self._seals = {tunnel: Outbound(_sa(tunnel, Direction.OUT, peer(tunnel)), os.urandom) for tunnel in TUNNELS}

    async def stand(self) -> None:
        """Devices, policies and SAs; each worker on its core."""
        udp.BUFFER_SIZE = QUEUE_OCTETS
        await self._plane.start()
        await self._plane.listen_natt(Endpoint.of(OURS, 4500))
        for tunnel in TUNNELS:
            device = f"vpn{tunnel}"
            await self._plane.add_device(device, 1400)
            _ip(
                f"link set {device} up txqueuelen {2 * CALLS}",
                f"addr add 10.1.{tunnel}.1/32 dev {device}",
                f"route add 10.2.{tunnel}.0/24 dev {device}",
            )
            self._plane.add_policy(Policy(device, _everything(), tunnel, device))
            self._plane.add_sa(_sa(tunnel, Direction.IN, peer(tunnel)))
            self._plane.add_sa(_sa(tunnel, Direction.OUT, nobody(tunnel)))
        for core, pid in enumerate(self.pids):
            os.sched_setaffinity(pid, {core})

    @property
    def pids(self) -> list[int]:
        return list(self._plane.processes.values())

    async def run(self, way: Direction) -> Run:
        """Fill the queues, and time how they are emptied."""
        pids, before = self.pids, await self._packets(way)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for tunnel in TUNNELS:
            (self._fill_sockets if way is Direction.IN else _fill_device)(tunnel)
        spent = [_cpu_s(pid) for pid in pids]
        started = time.perf_counter()
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        wanted = before + len(TUNNELS) * CALLS * TOGETHER
        while (done := await self._packets(way)) < wanted:
            if time.perf_counter() > started + LONGEST_S:
                raise SystemExit(f"{wanted - done} packets got lost: {await self._plane.counters()}")
            await asyncio.sleep(POLL_S)
        wall_s = time.perf_counter() - started
        return Run(wall_s, tuple(_cpu_s(pid) - first for pid, first in zip(pids, spent, strict=True)))

    async def stop(self) -> None:
        await self._plane.stop()

    async def _packets(self, way: Direction) -> int:
        return sum(use.packets for use in await self._plane.query() if use.direction is way)

    def _fill_sockets(self, tunnel: int) -> None:
        inner = [_udp(f"10.2.{tunnel}.9", f"10.1.{tunnel}.9")] * TOGETHER
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            here = peer(tunnel)
            sender.bind((str(here.address), here.port))
            sender.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, QUEUE_OCTETS)
            for _ in range(CALLS):
                sealed = self._seals[tunnel].seal(inner, 4)
                sender.sendmsg(sealed, [offload.write(len(sealed[0]))], 0, (OURS, 4500))


def _cpu_s(pid: int) -> float:
    """To the nanosecond, unlike /proc/PID/stat: one run is a fraction of a second."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _fill_device(tunnel: int) -> None:
    payload = bytes(INNER - 28) * TOGETHER
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.bind((f"10.1.{tunnel}.1", 0))
        for _ in range(CALLS):
            sender.sendmsg([payload], [offload.write(INNER - 28)], 0, (f"10.2.{tunnel}.9", 9))


def peer(tunnel: int) -> Endpoint:
    """Where ESP of a tunnel comes from."""
    return Endpoint.of(f"192.0.2.{10 + tunnel}", 4500)


def nobody(tunnel: int) -> Endpoint:
    """Where ESP of a tunnel goes: the other end of a wire, where it is for nobody."""
    return Endpoint.of(f"192.0.2.{100 + tunnel}", 4500)


def _sa(tunnel: int, way: Direction, remote: Endpoint) -> Sa:
    random = bytes([tunnel]) * 20
    return Sa(
        direction=way,
        spi=0x1000 + tunnel,
        reqid=tunnel,
        tunnel=f"vpn{tunnel}",
        protocol=Protocol.ESP,
        mode=SaMode.TUNNEL,
        local=Endpoint.of(OURS, 4500),
        remote=remote,
        encapsulation=Encapsulation.UDP,
        algorithms=Algorithms(EspCipher.AES_GCM_16, 128, Integrity.NONE, Secret(random), Secret(b"")),
        selectors=(_everything(),),
    )


def _everything() -> Selector:
    return Selector(AddressRange.everything(4), AddressRange.everything(4))


def _udp(source: str, target: str) -> bytes:
    """An IPv4 packet of UDP, checksums included."""
    ends = ip_address(source).packed + ip_address(target).packed
    length = INNER - 20
    header = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, INNER, 0, 0x4000, 64, socket.IPPROTO_UDP, 0) + ends)
    struct.pack_into("!H", header, 10, _checksum(header))
    segment = bytearray(struct.pack("!HHHH", 9, 9, length, 0) + bytes(length - 8))
    struct.pack_into("!H", segment, 6, _checksum(ends + struct.pack("!HH", socket.IPPROTO_UDP, length) + segment))
    return bytes(header + segment)


def _checksum(octets: bytes | bytearray) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


async def _measure(runs: int) -> dict[tuple[Direction, int], list[Run]]:
    """By way and number of workers. The first run of each is there to warm up."""
    found: dict[tuple[Direction, int], list[Run]] = {}
    for number in range(runs + 1):
        for workers in (1, 2):
            bench = Bench(workers)
            try:
                await bench.stand()
                for way in Direction:
                    run = await bench.run(way)
                    if number:
                        found.setdefault((way, workers), []).append(run)
            finally:
                await bench.stop()
    return found


def _table(found: dict[tuple[Direction, int], list[Run]]) -> Iterator[str]:
    yield "| way | workers | Mbit/s by the clock | by CPU time | CPU seconds of each worker |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for (way, workers), runs in sorted(found.items()):
        clock = median(run.mbit_per_s(run.wall_s) for run in runs)
        busiest = median(run.mbit_per_s(max(run.cpu_s)) for run in runs)
        each = " + ".join(f"{median(run.cpu_s[worker] for run in runs):.2f}" for worker in range(workers))
        yield f"| {'inward' if way is Direction.IN else 'outward'} | {workers} | {clock:.0f} | {busiest:.0f} | {each} |"


def main() -> None:
    """Measure in a network namespace that ends with us, and print a table for `docs/performance.md`."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--runs", type=int, default=5, metavar="N")
    runs = options.parse_args().runs
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(_CLONE_NEWNET) != 0:
        raise SystemExit("a network namespace needs root")
    _ip("link set lo up", "link add outer type veth peer name sink", "link set outer up", "link set sink up")
    _ip(f"addr add {OURS}/24 dev outer", *(f"addr add {peer(tunnel).address}/32 dev lo" for tunnel in TUNNELS))
    _ip(*(f"neigh add {nobody(tunnel).address} lladdr {_NOBODY} dev outer nud permanent" for tunnel in TUNNELS))
    for line in _table(asyncio.run(_measure(runs))):
        print(line)


def _ip(*lines: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", check=True, text=True)


if __name__ == "__main__":
    main()
