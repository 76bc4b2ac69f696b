"""The network between the hosts: loss, duplication, delay, reordering, blackouts, path MTU, NAT boxes; by a seed."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, replace
from typing import Protocol

from ikevpn.model.address import Address
from tests.sim.clock import Clock
from tests.sim.nat import Nat
from tests.sim.packet import Kind, Packet
from tests.sim.trace import Trace


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is. `loss` and `duplicate` are probabilities, `jitter_s` lets packets overtake each other."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay_s: float = 0.01
    jitter_s: float = 0.0
    mtu: int = 1500


class Receiver(Protocol):
    address: Address

    def receive(self, packet: Packet) -> None: ...


class Network:
    """Carries packets from hosts, through their NAT boxes, to hosts."""

    def __init__(self, clock: Clock, weather: Weather, rng: random.Random, trace: Trace) -> None:
        self.weather = weather
        self.ike_datagrams = 0
        self.recent: deque[Packet] = deque(maxlen=64)  # what an eavesdropper could replay
        self._clock = clock
        self._rng = rng
        self._trace = trace
        self._dark_until = 0.0
        self._owners: dict[Address, Receiver | Nat] = {}
        self._nats: dict[Receiver, Nat] = {}
        self._insides: dict[tuple[str, Address], Receiver] = {}

    def attach(self, host: Receiver, nat: Nat | None = None) -> None:
        """Connect a host, behind `nat` or with its own address on the outside."""
        if nat is None:
            self._owners[host.address] = host
            return
        nat.inside[host.address] = host
        self._owners[nat.public] = nat
        self._nats[host] = nat
        self._insides[nat.name, host.address] = host

    def move_nat(self, nat: Nat, public: Address) -> None:
        """Give a NAT box another public address; the old one is nobody's."""
        self._owners.pop(nat.public, None)
        nat.move(public)
        self._owners[public] = nat

    def black_out(self, duration_s: float) -> None:
        self._dark_until = max(self._dark_until, self._clock.now + duration_s)

    def heal(self) -> None:
        """From now on everything arrives, in order and once; the MTU stays."""
        self.weather = Weather(mtu=self.weather.mtu)
        self._dark_until = 0.0

    def send(self, host: Receiver, packet: Packet) -> None:
        """A host lets go of a packet."""
        if packet.kind is Kind.IKE:
            self.ike_datagrams += 1
        nat = self._nats.get(host)
        outside = nat.outward(packet, self._clock.now) if nat is not None else packet
        if outside is not None:
            self.inject(outside)

    def inject(self, packet: Packet) -> None:
        """A packet stands on the outside; an attacker enters here."""
        weather, rng = self.weather, self._rng
        if packet.kind is Kind.IKE:
            self.recent.append(packet)
            if packet.octets > weather.mtu:
                self._trace.packet(self._clock.now, "net", "too big", packet)
                return
        if self._clock.now < self._dark_until or (weather.loss and rng.random() < weather.loss):
            self._trace.packet(self._clock.now, "net", "lost", packet)
            return
        copies = 2 if weather.duplicate and rng.random() < weather.duplicate else 1
        for _ in range(copies):
            delay_s = weather.delay_s + (rng.random() * weather.jitter_s if weather.jitter_s else 0.0)
            self._clock.after(delay_s, lambda: self._arrive(packet))

    def _arrive(self, packet: Packet) -> None:
        owner = self._owners.get(packet.target.address)
        if isinstance(owner, Nat):
            inside = owner.inward(packet, self._clock.now)
            if inside is None:
                self._trace.packet(self._clock.now, "net", "no mapping", packet)
                return
            packet = inside
            owner = self._insides[owner.name, packet.target.address]
        if owner is not None:
            owner.receive(packet)


def forged(packet: Packet, rng: random.Random) -> Packet:
    """What an attacker who sees a datagram may send: a replay, from here or elsewhere, perhaps with octets changed.

    Vendor ids, NAT-D and the port of clear messages prove nothing: who bends them in time can spoil a tunnel while its
    phase 1 lives. IKEv1 cannot help that, so clear messages are only played again or cut short here.
    """
    data = bytearray(packet.data)
    clear = len(data) > 28 and not data[19] & 1
    how = rng.choice((0, 2)) if clear else rng.randrange(4)
    if how == 1 and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif how == 2:
        del data[rng.randrange(len(data) + 1) :]
    elif how == 3 and len(data) > 28:
        data[28:] = rng.randbytes(len(data) - 28)
    source = packet.source if clear or rng.random() < 0.5 else packet.source.at(rng.randrange(1024, 65536))
    return replace(packet, data=bytes(data), source=source)
