"""Which policy and which SA a packet belongs to (RFC 4301 §4.4): the SPD by device and flow, the SAD by SPI, reqid and
tunnel.

What was found for a flow is remembered until a policy or an SA changes on which it rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, TypeVar

from ikevpn.dataplane.userspace.forward.association import Association, InboundSa, OutboundSa
from ikevpn.dataplane.userspace.index.flow_memory import FlowMemory
from ikevpn.dataplane.userspace.index.spd import Spd
from ikevpn.dataplane.userspace.packet.marking import Mark
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.inner import IPV4, IPV6, Flow, lane_key, packet_size, plain_key, read_flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Policy, PolicyAction, Sa
from ikevpn.wire.registry import Integrity

MOST_FLOWS = 8192

K = TypeVar("K")
L = TypeVar("L")
M = TypeVar("M")


class Sad:
    """Inbound SAs by SPI, outbound ones by reqid, the newest last. During a rekey several share a reqid."""

    def __init__(self) -> None:
        self._inbound: dict[int, InboundSa] = {}
        self._inbound_of: dict[int, dict[int, InboundSa]] = {}  # by reqid and SPI
        self._around: dict[int, InboundSa] = {}  # by the SPI that each wraps
        self._outbound: dict[int, list[OutboundSa]] = {}
        self._outbound_of_spi: dict[int, list[OutboundSa]] = {}
        self._of_tunnel: dict[str, dict[Association, None]] = {}

    def __iter__(self) -> Iterator[Association]:
        yield from self._inbound.values()
        for associations in self._outbound.values():
            yield from associations

    def add(self, association: Association) -> None:
        """Install; an outbound one is the newest of its reqid from now on."""
        sa = association.sa
        if isinstance(association, InboundSa):
            self._add_inbound(association)
        else:
            self._bundle(association)
            self._outbound.setdefault(sa.reqid, []).append(association)
            self._outbound_of_spi.setdefault(sa.spi, []).append(association)
            for inbound in self._inbound_of.get(sa.reqid, {}).values():
                if inbound.integrity_96 != inbound.sa.algorithms.integrity_96:
                    self.follow_truncation(sa.reqid, inbound.remote, inbound.integrity_96)
        self._of_tunnel.setdefault(sa.tunnel, {})[association] = None

    def _add_inbound(self, association: InboundSa) -> None:
        sa = association.sa
        before = self._inbound.get(sa.spi)
        if before is not None:
            self.delete(before)
        self._inbound[sa.spi] = association
        self._inbound_of.setdefault(sa.reqid, {})[sa.spi] = association
        if sa.wraps:
            self._around[sa.wraps] = association
        around = None if sa.wraps else self._around.get(sa.spi)
        for outer, inner in ((association, self._inbound.get(sa.wraps)), (around, association)):
            if outer is not None and inner is not None:
                inner.wrap(outer)

    def delete(self, association: Association) -> None:
        """Remove it; nothing happens where it is gone already."""
        sa = association.sa
        ours = self._of_tunnel.get(sa.tunnel, {})
        if association not in ours:
            return
        _remove(self._of_tunnel, sa.tunnel, association)
        if isinstance(association, InboundSa):
            del self._inbound[sa.spi]
            _remove(self._inbound_of, sa.reqid, sa.spi)
            if self._around.get(sa.wraps) is association:
                del self._around[sa.wraps]
            return
        for other in self.outbound(sa.reqid):
            if other.wrapper is association:
                other.wrap(None)
        for index, key in ((self._outbound, sa.reqid), (self._outbound_of_spi, sa.spi)):
            rest = [other for other in index[key] if other is not association]
            if rest:
                index[key] = rest
            else:
                del index[key]

    def _bundle(self, association: OutboundSa) -> None:
        """Join it to the one that it wraps, or that wraps it, whichever comes first."""
        for other in self.outbound(association.sa.reqid):
            if other.sa.remote.address != association.sa.remote.address:
                continue  # another peer's, which happened to choose the same SPI
            if _wraps(association.sa, other.sa):
                other.wrap(association)
            elif _wraps(other.sa, association.sa):
                association.wrap(other)

    def inbound(self, spi: int) -> InboundSa | None:
        return self._inbound.get(spi)

    def outbound(self, reqid: int) -> list[OutboundSa]:
        """All that are installed for the reqid, oldest first."""
        return self._outbound.get(reqid, [])

    def outbound_of_spi(self, spi: int, reqid: int | None = None) -> list[OutboundSa]:
        """Usually one; more where several peers chose the same SPI."""
        found = self._outbound_of_spi.get(spi, [])
        return [each for each in found if reqid is None or each.sa.reqid == reqid]

    def of_tunnel(self, tunnel: str) -> list[Association]:
        """All that are installed for the tunnel."""
        return list(self._of_tunnel.get(tunnel, ()))

    @property
    def tunnels(self) -> list[str]:
        """Those that have an SA."""
        return list(self._of_tunnel)

    def move(self, reqid: int, old: Endpoint, new: Endpoint) -> None:
        """The peer at `old` is at `new` now: the reqid's SAs follow. Others may share the reqid and stay."""
        for outbound in self.outbound(reqid):
            if outbound.path.remote == old:
                outbound.path = replace(outbound.path, remote=new)
        for inbound in self._inbound_of.get(reqid, {}).values():
            if inbound.remote == old:
                inbound.remote = new

    def follow_truncation(self, reqid: int, remote: Endpoint, integrity_96: bool) -> None:
        """The peer at `remote` was found to cut HMAC-SHA2-256 otherwise than agreed: so shall we."""
        for outbound in self.outbound(reqid):
            state, sha256 = outbound.state, outbound.sa.algorithms.integrity is Integrity.HMAC_SHA2_256
            if outbound.path.remote == remote and sha256 and isinstance(state, Outbound):
                state.follow_truncation(integrity_96)
                outbound.fit.use(state.sa)

    def newest(self, reqid: int, flow: Flow) -> OutboundSa | None:
        """The newest outbound SA of the reqid that may carry the flow and has not expired."""
        usable = (each for each in reversed(self.outbound(reqid)) if each.usable and each.selection.admits(flow))
        return next(usable, None)


def _remove(index: dict[K, dict[L, M]], key: K, inner: L) -> None:
    """From an index of two steps; the first goes with the last of the second."""
    del index[key][inner]
    if not index[key]:
        del index[key]


class Route(NamedTuple):
    """Where the packets of a flow go: `policy` None means nowhere, `association` None that there is no SA for it."""

    policy: Policy | None
    association: OutboundSa | None


class Lane(NamedTuple):
    """What is the same for all packets with one `lane_key`, where nothing but ESP in tunnel mode stands around them."""

    association: OutboundSa
    state: Outbound
    next_header: int
    mark: Mark


class Routes:
    """The two databases behind a memory of flows, from which a change takes what rests on it."""

    def __init__(self, spd: Spd, sad: Sad) -> None:
        self._spd = spd
        self._sad = sad
        self._known: FlowMemory[Route] = FlowMemory(MOST_FLOWS)
        self._lanes: FlowMemory[Lane] = FlowMemory(MOST_FLOWS)

    def __len__(self) -> int:
        return len(self._known)

    def sa_changed(self, reqid: int) -> None:
        """Call this after an outbound SA of the reqid has come, gone, ended or begun again."""
        self._known.forget_reqid(reqid)
        self._lanes.forget_reqid(reqid)

    def policy_changed(self, policy: Policy) -> None:
        """Call this after a policy has come, gone or changed."""
        selection = Selection((policy.selector,), Direction.OUT)
        for memory in (self._known, self._lanes):
            memory.forget_covered(policy.device, policy.selector.remote, selection)

    def find(self, device: str, flow: Flow) -> Route:
        """The route of a flow that comes out of `device`."""
        return self._recall((device, flow), flow)

    def lane(self, device: str, packet: bytes) -> Lane | None:
        """The lane of a packet that comes out of `device`; None where it has to be looked at more closely."""
        key = lane_key(packet)
        if key is None:
            return None
        return self._lanes.get((device, key)) or self._open_lane(device, key, packet)

    def _open_lane(self, device: str, key: bytes, packet: bytes) -> Lane | None:
        route = self.of_packet(device, packet)
        association = None if route is None else route.association
        if association is None or association.transport or not association.bare:
            return None
        assert isinstance(association.state, Outbound)
        next_header = IPV4 if packet[0] >> 4 == 4 else IPV6
        lane = Lane(association, association.state, next_header, association.marks.of(packet))
        flow = read_flow(packet)
        assert flow is not None
        self._lanes.add((device, key), lane, flow, association.sa.reqid)
        return lane

    def of_packet(self, device: str, packet: bytes | memoryview) -> Route | None:
        """The route of a packet that comes out of `device`; None where its headers are broken.

        Most of a batch is a few flows, whose octets are known already and need not be understood again.
        """
        size = packet_size(packet)
        if size is None:
            return None
        plain = plain_key(packet) if size == len(packet) else None
        if plain is not None and (route := self._known.get((device, plain))) is not None:
            return route
        flow = read_flow(packet)
        return None if flow is None else self._recall((device, plain or flow), flow)

    def _recall(self, key: tuple[str, Flow | bytes], flow: Flow) -> Route:
        route = self._known.get(key)
        if route is None:
            route = self._find(key[0], flow)
            self._known.add(key, route, flow, None if route.policy is None else route.policy.reqid)
        return route

    def _find(self, device: str, flow: Flow) -> Route:
        policy = self._spd.find(device, flow)
        if policy is None or policy.action is not PolicyAction.PROTECT:
            return Route(policy, None)
        return Route(policy, self._sad.newest(policy.reqid, flow))


def _wraps(outer: Sa, inner: Sa) -> bool:
    """By their SPIs; those of a peer may be alike in AH and ESP."""
    return outer.wraps == inner.spi and not inner.wraps
