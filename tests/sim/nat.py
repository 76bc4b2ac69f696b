"""NAT boxes between a host and the network: many-to-one with ports, or one-to-one. They pass what real ones pass."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum

from ikevpn.model.address import Address, Endpoint
from tests.sim.packet import Kind, Packet


class NatKind(StrEnum):
    PORTS = "ports"  # masquerading: a mapping per (inside, outside) pair, made by the first packet out
    PORTS_KEPT = "ports-kept"  # the same, but the port stays where it is free, as Linux does
    ONE_TO_ONE = "one-to-one"  # a public address per inside address, open in both directions


@dataclass(slots=True)
class _Mapping:
    inside: Endpoint
    outside: Endpoint
    port: int
    used: float


class Nat:
    """One box. `timeout_s` without a packet, in either direction, ends a mapping."""

    def __init__(self, name: str, kind: NatKind, public: Address, timeout_s: float, rng: random.Random) -> None:
        self.name = name
        self.kind = kind
        self.public = public
        self.inside: dict[Address, object] = {}
        self._timeout_s = timeout_s
        self._rng = rng
        self._by_pair: dict[tuple[Endpoint, Endpoint], _Mapping] = {}
        self._by_port: dict[tuple[int, Endpoint], _Mapping] = {}

    def outward(self, packet: Packet, now: float) -> Packet | None:
        """The packet as the outside sees it; None where the box drops it."""
        if self.kind is NatKind.ONE_TO_ONE:
            return replace(packet, source=Endpoint(self.public, packet.source.port))
        if packet.kind is Kind.ESP_RAW:
            return None
        mapping = self._live(self._by_pair.get((packet.source, packet.target)), now)
        if mapping is None:
            mapping = self._map(packet.source, packet.target, now)
        mapping.used = now
        return replace(packet, source=Endpoint(self.public, mapping.port))

    def inward(self, packet: Packet, now: float) -> Packet | None:
        """The packet as the inside sees it; None where no mapping lets it in."""
        if self.kind is NatKind.ONE_TO_ONE:
            inside = next(iter(self.inside))
            return replace(packet, target=Endpoint(inside, packet.target.port))
        mapping = self._live(self._by_port.get((packet.target.port, packet.source)), now)
        if mapping is None or packet.kind is Kind.ESP_RAW:
            return None
        mapping.used = now
        return replace(packet, target=mapping.inside)

    def rebind(self) -> None:
        """All mappings are lost; whoever speaks next gets another port, even from a box that likes to keep them."""
        self._by_pair.clear()
        self._by_port.clear()
        self.kind = NatKind.PORTS if self.kind is NatKind.PORTS_KEPT else self.kind

    def move(self, public: Address) -> None:
        """The box gets another public address; the caller tells the network."""
        self.public = public
        self.rebind()

    def _live(self, mapping: _Mapping | None, now: float) -> _Mapping | None:
        if mapping is not None and now - mapping.used > self._timeout_s:
            del self._by_pair[mapping.inside, mapping.outside]
            del self._by_port[mapping.port, mapping.outside]
            return None
        return mapping

    def _map(self, inside: Endpoint, outside: Endpoint, now: float) -> _Mapping:
        port = inside.port
        if self.kind is NatKind.PORTS or (port, outside) in self._by_port:
            port = self._rng.randrange(1024, 65536)
            while (port, outside) in self._by_port or port in (500, 4500):
                port = self._rng.randrange(1024, 65536)
        mapping = _Mapping(inside, outside, port, now)
        self._by_pair[inside, outside] = self._by_port[port, outside] = mapping
        return mapping
