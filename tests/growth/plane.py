"""The core of the data plane's worker with so many tunnels up, between two ends without a kernel."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from ipaddress import IPv4Address

from ikevpn.dataplane.userspace.ipc import message
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Direction, Encapsulation, Limits, Policy, Sa, SaMode
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import Protocol
from tests.dataplane.fakes import OURS, Core
from tests.esp.samples import CBC_SHA1, algorithms
from tests.growth.measure import LOOKUP, Costs, Step, median_us, tidy

_EVERYTHING = AddressRange.everything(4)
_FEW, _MANY = 10, 200
"""Over so many tunnels small packets take turns."""
_SIZE = 64
_UDP = 17

STEPS = {
    step.name: step
    for step in (
        Step("adding an SA pair"),
        Step("removing an SA pair"),
        Step("adding a policy", LOOKUP),
        Step("removing a policy", LOOKUP),
        Step("packet of a known flow"),
        Step("first packet of a new flow", LOOKUP),
        Step("small packet, 10 tunnels in turn"),
        Step("small packet, 200 tunnels in turn"),
        Step("acquire", LOOKUP),
        Step("timer with nothing due"),
        Step("counters of one SA"),
        Step("peer's address changed"),
        Step("datagram with unknown SPI"),
    )
}


class Shape(StrEnum):
    """What leads packets into tunnels."""

    POLICY = "policies of one device"
    ROUTE = "a device for each tunnel"


class Worker:
    """A forwarding core with one pair of SAs and one policy for each tunnel."""

    def __init__(self, shape: Shape) -> None:
        self.core, self.shape, self.standing = Core(), shape, 0
        self.forwarding = self.core.forwarding

    def grow(self, count: int) -> None:
        for number in range(self.standing, count):
            self.add_policy(number)
            self.add_pair(number)
        self.standing = count

    def device(self, number: int) -> str:
        return "vpn" if self.shape is Shape.POLICY else f"vpn{number}"

    def add_policy(self, number: int) -> None:
        self.forwarding.add_policy(message.AddPolicy(self._policy(number)), 0.0)

    def remove_policy(self, number: int) -> None:
        self.forwarding.delete_policy(message.DeletePolicy(self._policy(number)), 0.0)

    def add_pair(self, number: int) -> None:
        for direction in Direction:
            self.forwarding.add_sa(message.AddSa(self._sa(number, direction)), 0.0)

    def remove_pair(self, number: int) -> None:
        self.forwarding.delete_sa(message.DeleteSa(_spi(number), Direction.IN, None), 1.0)
        self.forwarding.delete_sa(message.DeleteSa(_spi(number), Direction.OUT, 1 + number), 1.0)

    def send(self, packets: Sequence[bytes], number: int) -> None:
        self.forwarding.from_device(self.device(number), list(packets), 1.0)
        self.core.outer.sent.clear()
        self.core.outer.marks.clear()

    def send_in_turns(self, packets: Sequence[tuple[int, bytes]]) -> None:
        """As a device gives them: one device has all of them, or each has its own."""
        if self.shape is Shape.POLICY:
            self.send([packet for _, packet in packets], 0)
            return
        for number, packet in packets:
            self.send([packet], number)

    def move(self, number: int, port: int) -> None:
        there = Endpoint(peer(number).address, port)
        self.forwarding.move_sas(message.MoveSas((_spi(number),), OURS, there), 1.0)

    def _policy(self, number: int) -> Policy:
        return Policy(self.device(number), self._selector(number), 1 + number, f"t{number}")

    def _selector(self, number: int) -> Selector:
        if self.shape is Shape.ROUTE:
            return Selector(_EVERYTHING, _EVERYTHING)
        here, there = _inner(number)
        return Selector(AddressRange.of_address(here), AddressRange.of_address(there))

    def _sa(self, number: int, direction: Direction) -> Sa:
        return Sa(
            direction=direction,
            spi=_spi(number),
            reqid=1 + number,
            tunnel=f"t{number}",
            protocol=Protocol.ESP,
            mode=SaMode.TUNNEL,
            local=OURS,
            remote=peer(number),
            encapsulation=Encapsulation.UDP,
            algorithms=algorithms(CBC_SHA1),
            selectors=(self._selector(number),),
            limits=Limits(hard_seconds=36000),
        )


def packet(number: int, port: int = 9) -> bytes:
    """64 octets of UDP into a tunnel."""
    here, there = _inner(number)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, _SIZE, 0, 0, 64, _UDP, 0, here.packed, there.packed)
    return head + struct.pack("!HHHH", port, 9, _SIZE - len(head), 0) + bytes(_SIZE - len(head) - 8)


def _inner(number: int) -> tuple[IPv4Address, IPv4Address]:
    return IPv4Address("10.200.0.0") + number, IPv4Address("10.1.0.0") + number


def peer(number: int) -> Endpoint:
    return Endpoint(IPv4Address("198.19.0.0") + number, 4500)


def _spi(number: int) -> int:
    return 0x10000 + number


def _spread(standing: int) -> Callable[[int], int]:
    """Tunnels one after the other, from all parts of the tables."""
    return lambda number: number * 7919 % standing


def grow(shape: Shape, counts: Sequence[int], tries: int) -> Iterator[tuple[int, Costs]]:
    worker = Worker(shape)
    for count in counts:
        worker.grow(count)
        tidy()
        yield count, {**_commands(worker, tries), **_packets(worker, tries)}


def _commands(worker: Worker, tries: int) -> Costs:
    here, spread = worker.standing, _spread(worker.standing)
    forwarding, ports = worker.forwarding, iter(range(5000, 60000))
    return {
        "adding a policy": median_us(lambda number: worker.add_policy(here + number), tries, 5),
        "adding an SA pair": median_us(lambda number: worker.add_pair(here + number), tries, 5),
        "peer's address changed": median_us(lambda number: worker.move(spread(number), next(ports)), tries),
        "counters of one SA": median_us(lambda n: list(forwarding.uses(1.0, [_spi(spread(n))])), tries),
        "timer with nothing due": median_us(lambda _: (forwarding.next_timer(), forwarding.timer(1.0)), tries, 20),
        "removing an SA pair": median_us(lambda number: worker.remove_pair(here + number), tries, 5),
        "acquire": median_us(lambda number: worker.send([packet(here + number)], here + number), tries, 5),
        "removing a policy": median_us(lambda number: worker.remove_policy(here + number), tries, 5),
    }


def _packets(worker: Worker, tries: int) -> Costs:
    standing, spread = worker.standing, _spread(worker.standing)
    middle = standing // 2
    known = [packet(middle)]
    worker.send(known, middle)
    unknown = struct.pack("!II", 0xDEAD0000, 1) + bytes(64)
    costs = {
        "packet of a known flow": median_us(lambda _: worker.send(known, middle), tries, 20),
        "small packet, 10 tunnels in turn": _in_turns(worker, _FEW, tries),
        "first packet of a new flow": median_us(
            lambda n: worker.send([packet(spread(n), port=2000 + standing % 30000 + n)], spread(n)), tries
        ),
        "datagram with unknown SPI": median_us(lambda _: worker.core.arrive(unknown, now=1.0), tries, 5),
    }
    if standing >= _MANY:
        costs["small packet, 200 tunnels in turn"] = _in_turns(worker, _MANY, tries)
    worker.core.handed.clear()
    worker.core.events.clear()
    return costs


def _in_turns(worker: Worker, tunnels: int, tries: int) -> float:
    """What one of 200 packets costs, of tunnels from all parts of the tables."""
    chosen = [worker.standing * number // tunnels for number in range(tunnels)]
    turns = [(number, packet(number)) for number in chosen * (_MANY // tunnels)]
    worker.send_in_turns(turns)
    return median_us(lambda _: worker.send_in_turns(turns), tries, 2) / _MANY
