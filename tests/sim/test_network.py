"""NAT boxes and the network do what real ones do."""

from __future__ import annotations

import random
from ipaddress import ip_address

from ikevpn.model.address import Address, Endpoint
from tests.sim.clock import Clock
from tests.sim.nat import Nat, NatKind
from tests.sim.network import Network, Weather, forged
from tests.sim.packet import Kind, Packet
from tests.sim.trace import Trace

_INSIDE, _PUBLIC, _FAR = ip_address("10.99.0.2"), ip_address("192.0.2.1"), ip_address("198.51.100.1")
_OUT = Packet(Kind.IKE, Endpoint(_INSIDE, 500), Endpoint(_FAR, 500), b"hello")


class Box:
    """A host that only remembers what it got."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.got: list[Packet] = []

    def receive(self, packet: Packet) -> None:
        self.got.append(packet)


def nat(kind: NatKind, timeout_s: float = 30.0) -> Nat:
    box = Nat("nat", kind, _PUBLIC, timeout_s, random.Random(1))
    box.inside[_INSIDE] = None
    return box


def answer(packet: Packet) -> Packet:
    return Packet(Kind.IKE, packet.target, packet.source, b"answer")


def test_a_mapping_lets_answers_in_until_it_times_out() -> None:
    box = nat(NatKind.PORTS)
    outside = box.outward(_OUT, 0.0)
    assert outside is not None and outside.source.address == _PUBLIC and outside.source.port != 500
    back = box.inward(answer(outside), 29.0)
    assert back is not None and back.target == _OUT.source
    assert box.inward(answer(outside), 60.0) is None


def test_a_stranger_is_not_let_in() -> None:
    box = nat(NatKind.PORTS)
    outside = box.outward(_OUT, 0.0)
    assert outside is not None
    assert box.inward(Packet(Kind.IKE, Endpoint(_FAR, 501), outside.source), 1.0) is None


def test_rebinding_changes_the_port_even_where_ports_are_kept() -> None:
    box = nat(NatKind.PORTS_KEPT)
    before = box.outward(_OUT, 0.0)
    box.rebind()
    after = box.outward(_OUT, 1.0)
    assert before is not None and after is not None
    assert before.source.port == 500 != after.source.port
    assert box.inward(answer(before), 1.0) is None


def test_raw_esp_passes_only_one_to_one() -> None:
    esp = Packet(Kind.ESP_RAW, _OUT.source, _OUT.target)
    assert nat(NatKind.PORTS).outward(esp, 0.0) is None
    assert nat(NatKind.ONE_TO_ONE).outward(esp, 0.0) is not None


def network(weather: Weather) -> tuple[Clock, Network, Box, Box]:
    clock = Clock()
    net = Network(clock, weather, random.Random(2), Trace())
    near, far = Box(_PUBLIC), Box(_FAR)
    net.attach(near)
    net.attach(far)
    return clock, net, near, far


def many(net: Network, near: Box, count: int = 400) -> None:
    for number in range(count):
        net.send(near, Packet(Kind.IKE, Endpoint(_PUBLIC, 500), Endpoint(_FAR, 500), number.to_bytes(2, "big")))


def test_bad_weather_loses_repeats_and_reorders() -> None:
    clock, net, near, far = network(Weather(loss=0.2, duplicate=0.2, jitter_s=0.5))
    many(net, near)
    clock.run_until(10.0)
    numbers = [packet.data for packet in far.got]
    assert 270 < len(set(numbers)) < 370
    assert len(numbers) > len(set(numbers))
    assert numbers != sorted(numbers)


def test_a_healed_network_delivers_everything_once_and_in_order() -> None:
    clock, net, near, far = network(Weather(loss=0.9, duplicate=0.5, jitter_s=1.0))
    net.heal()
    many(net, near)
    clock.run_until(10.0)
    numbers = [packet.data for packet in far.got]
    assert len(numbers) == 400 and numbers == sorted(numbers)


def test_large_datagrams_and_blackouts() -> None:
    clock, net, near, far = network(Weather(mtu=100))
    net.send(near, Packet(Kind.IKE, Endpoint(_PUBLIC, 500), Endpoint(_FAR, 500), bytes(72)))
    net.send(near, Packet(Kind.IKE, Endpoint(_PUBLIC, 500), Endpoint(_FAR, 500), bytes(73)))
    clock.run_until(1.0)
    assert len(far.got) == 1
    net.black_out(5.0)
    many(net, near, 3)
    clock.run_until(7.0)
    many(net, near, 3)
    clock.run_until(8.0)
    assert len(far.got) == 4


def test_forgeries_go_to_the_same_place() -> None:
    rng = random.Random(3)
    forgeries = [forged(Packet(Kind.IKE, _OUT.source, _OUT.target, bytes(60)), rng) for _ in range(50)]
    assert {packet.target for packet in forgeries} == {_OUT.target}
    assert len({packet.data for packet in forgeries}) > 10
