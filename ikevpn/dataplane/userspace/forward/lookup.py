"""Which policy and which SA a packet belongs to (RFC 4301 §4.4): the SPD by device and flow, the SAD by SPI and reqid.

Looking through policies is slow, so what was found for a flow is remembered until a policy or an SA changes.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ikevpn.dataplane.userspace.forward.association import Association, InboundSa, OutboundSa
from ikevpn.dataplane.userspace.packet.marking import Mark
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.inner import IPV4, IPV6, Flow, lane_key, packet_size, plain_key, read_flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Policy, PolicyAction, Sa
from ikevpn.model.selector import ANY
from ikevpn.wire.registry import Integrity

MOST_FLOWS = 8192


class _Entry(NamedTuple):
    rank: tuple[int, ...]
    policy: Policy
    selection: Selection


class Spd:
    """Policies of all devices, for each in the order in which they are consulted."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = {}
        self._devices: dict[int, list[str]] = {}

    def add(self, policy: Policy) -> None:
        """Add a policy, or change the one of the same device, selector and reqid."""
        self.delete(policy)
        entry = _Entry(_rank(policy), policy, Selection((policy.selector,), Direction.OUT))
        bisect.insort(self._entries.setdefault(policy.device, []), entry, key=lambda entry: entry.rank)
        if policy.action is PolicyAction.PROTECT:
            self._devices.setdefault(policy.reqid, []).append(policy.device)

    def delete(self, policy: Policy) -> None:
        """Remove the policy of that device, selector and reqid, if there is one."""
        entries = self._entries.get(policy.device, [])
        for index, entry in enumerate(entries):
            if (entry.policy.selector, entry.policy.reqid) == (policy.selector, policy.reqid):
                del entries[index]
                if entry.policy.action is PolicyAction.PROTECT:
                    self._devices[policy.reqid].remove(policy.device)
                return

    def find(self, device: str, flow: Flow) -> Policy | None:
        """The first policy that covers the flow."""
        return next((entry.policy for entry in self._entries.get(device, ()) if entry.selection.admits(flow)), None)

    def device(self, reqid: int) -> str | None:
        """Where packets of the reqid's inbound SAs belong: the policy added first names it."""
        devices = self._devices.get(reqid)
        return devices[0] if devices else None


class Sad:
    """Inbound SAs by SPI, outbound ones by reqid, the newest last. During a rekey several share a reqid."""

    def __init__(self) -> None:
        self._inbound: dict[int, InboundSa] = {}
        self._outbound: dict[int, list[OutboundSa]] = {}

    def __iter__(self) -> Iterator[Association]:
        yield from self._inbound.values()
        for associations in self._outbound.values():
            yield from associations

    def add(self, association: Association) -> None:
        """Install; an outbound one is the newest of its reqid from now on."""
        sa = association.sa
        if isinstance(association, InboundSa):
            self._inbound[sa.spi] = association
            for outer, inner in ((association, self._inbound.get(sa.wraps)), (self._around(sa), association)):
                if outer is not None and inner is not None:
                    inner.wrap(outer)
            return
        self._bundle(association)
        self._outbound.setdefault(sa.reqid, []).append(association)
        for inbound in self._inbound.values():
            if inbound.sa.reqid == sa.reqid and inbound.integrity_96 != inbound.sa.algorithms.integrity_96:
                self.follow_truncation(sa.reqid, inbound.remote, inbound.integrity_96)

    def delete(self, association: Association) -> None:
        """Remove it; nothing happens where it is gone already."""
        sa = association.sa
        if isinstance(association, InboundSa):
            if self._inbound.get(sa.spi) is association:
                del self._inbound[sa.spi]
            return
        for other in self.outbound(sa.reqid):
            if other.wrapper is association:
                other.wrap(None)
        rest = [other for other in self._outbound.get(sa.reqid, ()) if other is not association]
        if rest:
            self._outbound[sa.reqid] = rest
        else:
            self._outbound.pop(sa.reqid, None)

    def _bundle(self, association: OutboundSa) -> None:
        """Join it to the one that it wraps, or that wraps it, whichever comes first."""
        for other in self.outbound(association.sa.reqid):
            if other.sa.remote.address != association.sa.remote.address:
                continue  # another peer's, which happened to choose the same SPI
            if _wraps(association.sa, other.sa):
                other.wrap(association)
            elif _wraps(other.sa, association.sa):
                association.wrap(other)

    def _around(self, sa: Sa) -> InboundSa | None:
        return next((other for other in self._inbound.values() if _wraps(other.sa, sa)), None)

    def inbound(self, spi: int) -> InboundSa | None:
        return self._inbound.get(spi)

    def outbound(self, reqid: int) -> list[OutboundSa]:
        """All that are installed for the reqid, oldest first."""
        return self._outbound.get(reqid, [])

    def outbound_of_spi(self, spi: int, reqid: int | None = None) -> list[OutboundSa]:
        """Usually one; more where several peers chose the same SPI."""
        groups = self._outbound.values() if reqid is None else [self.outbound(reqid)]
        return [association for group in groups for association in group if association.sa.spi == spi]

    def move(self, reqid: int, old: Endpoint, new: Endpoint) -> None:
        """The peer at `old` is at `new` now: the reqid's SAs follow. Others may share the reqid and stay."""
        for outbound in self.outbound(reqid):
            if outbound.path.remote == old:
                outbound.path = replace(outbound.path, remote=new)
        for inbound in self._inbound.values():
            if inbound.sa.reqid == reqid and inbound.remote == old:
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
    """The two databases behind a memory of flows."""

    def __init__(self, spd: Spd, sad: Sad) -> None:
        self._spd = spd
        self._sad = sad
        self._known: dict[tuple[str, Flow | bytes], Route] = {}
        self._lanes: dict[tuple[str, bytes], Lane] = {}

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        """Call this after any change of a policy or an outbound SA."""
        self._known.clear()
        self._lanes.clear()

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
        if len(self._lanes) >= MOST_FLOWS:
            self._lanes.clear()
        next_header = IPV4 if packet[0] >> 4 == 4 else IPV6
        lane = Lane(association, association.state, next_header, association.marks.of(packet))
        self._lanes[device, key] = lane
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
            if len(self._known) >= MOST_FLOWS:
                self._known.clear()
            route = self._known[key] = self._find(key[0], flow)
        return route

    def _find(self, device: str, flow: Flow) -> Route:
        policy = self._spd.find(device, flow)
        if policy is None or policy.action is not PolicyAction.PROTECT:
            return Route(policy, None)
        return Route(policy, self._sad.newest(policy.reqid, flow))


def _wraps(outer: Sa, inner: Sa) -> bool:
    """By their SPIs; those of a peer may be alike in AH and ESP."""
    return outer.wraps == inner.spi and not inner.wraps


def _rank(policy: Policy) -> tuple[int, ...]:
    """Higher priority first, then the more specific selector; only the order counts."""
    selector = policy.selector
    addresses = [int(side.last) - int(side.first) for side in (selector.remote, selector.local)]
    wildcards = sum(value == ANY for value in (selector.protocol, selector.local_port, selector.remote_port))
    return (-policy.priority, *addresses, wildcards)
