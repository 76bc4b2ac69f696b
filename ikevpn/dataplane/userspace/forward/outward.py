"""From a TUN device to the outside. What no SA protects never leaves.

A batch's way:

1. `packets`: the route of each packet, and one for a whole run or a packet that is still to be cut
2. `_without_sa`: no SA; dropped, or held while IKE negotiates one
3. `_seal`: what goes through one SA, in order, sealed at once; `_seal_run`: the same for packets of one size, which are
   cut or copied straight to where they are encrypted
4. `_send` along the SA's path, with the marks that its header takes over; limits checked

What does not fit the path is cut before it is sealed, or its sender told (`fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ikevpn.dataplane.interface.sa_plane import Acquire
from ikevpn.dataplane.userspace.forward.acquire_queue import AcquireQueue
from ikevpn.dataplane.userspace.forward.association import OutboundSa
from ikevpn.dataplane.userspace.forward.fit import Fitting
from ikevpn.dataplane.userspace.forward.keepalive import Keepalives
from ikevpn.dataplane.userspace.forward.lifetime import Lifetimes
from ikevpn.dataplane.userspace.forward.lookup import Routes, Sad
from ikevpn.dataplane.userspace.packet import mss
from ikevpn.dataplane.userspace.packet.ends import OuterEnd
from ikevpn.dataplane.userspace.packet.frames import Packet
from ikevpn.dataplane.userspace.packet.marking import Mark
from ikevpn.dataplane.userspace.packet.run import Octets, Run
from ikevpn.dataplane.userspace.packet.segment import Chain
from ikevpn.dataplane.userspace.packet.stats import Loss, Stats
from ikevpn.esp import encap
from ikevpn.esp.outbound import Outbound, SequenceExhausted
from ikevpn.esp.packet import flows
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.packet.inner import packet_size, plain_key
from ikevpn.esp.transforms.layout import ESP
from ikevpn.esp.transforms.room import SHORTEST_RUN
from ikevpn.model.sa import Policy, PolicyAction

Pending = dict[OutboundSa, tuple[list[bytes], list[int]]]


class Outward:
    """Holds no SA and no policy of its own; it works on those of `Forwarding`."""

    def __init__(
        self,
        *,
        routes: Routes,
        sad: Sad,
        outer: OuterEnd,
        fitting: Fitting,
        acquire_queue: AcquireQueue,
        keepalives: Keepalives,
        lifetimes: Lifetimes,
        stats: Stats,
        report: Callable[[Acquire], None],
    ) -> None:
        self._routes = routes
        self._sad = sad
        self._outer = outer
        self._fitting = fitting
        self._keepalives = keepalives
        self._lifetimes = lifetimes
        self._stats = stats
        self._report = report
        self._acquire_queue = acquire_queue

    def packets(self, device: str, packets: Sequence[Packet], now: float) -> None:
        """A batch that came out of `device`, in the order in which it came."""
        pending: Pending = {}
        if len(packets) == 1 and isinstance(packets[0], bytes) and self._went_alone(device, packets[0], now):
            return
        for packet in packets:
            if isinstance(packet, bytes):
                self._sort(device, packet, pending, now)
                continue
            self._seal_all(pending, now)  # which may have been the last that an SA was good for
            association = self._way_of_run(device, packet, now)
            if association is not None:
                self._seal_run(association, packet, now)
            elif isinstance(packet, Chain) and len(packet.flows) > 1:
                self.packets(device, packet.apart(), now)
            else:
                for each in packet if isinstance(packet, Run) else packet.split():
                    self._sort(device, each, pending, now)
        self._seal_all(pending, now)

    def release(self, reqid: int, now: float) -> None:
        """An SA is there: packets that waited for it set out again."""
        for device, packet in self._acquire_queue.take(reqid):
            self.packets(device, [packet], now)

    def timer(self, now: float) -> None:
        """Give up packets that waited in vain."""
        vain = self._acquire_queue.forget(now)
        if vain:
            self._stats.lose(Drop.NO_SA, vain)

    def _went_alone(self, device: str, packet: bytes, now: float) -> bool:
        """One packet of a flow that is known, through an SA with nothing around it; False where it is not that simple.

        It takes the same way as a batch of one would, in fewer steps: a processor that has slept since the last packet
        fetches each of them from memory.
        """
        lane = self._routes.lane(device, packet)
        if lane is None or ((packet[9] == mss.TCP or packet[6] == mss.TCP) and mss.may_open(packet)):
            return False
        association, state, next_header, mark = lane
        path, fit = association.path, association.fit
        self._fitting.refresh(fit, path, now)
        if len(packet) > fit.packet:
            return False
        try:
            sealed = state.seal_one(packet, next_header)
        except SequenceExhausted:
            return False
        self._outer.send_one(path, sealed, mark)
        self._sent(association, 1, len(packet), now)
        return True

    def _sort(self, device: str, packet: bytes, pending: Pending, now: float) -> None:
        """Put a packet with those of the same SA."""
        route = self._routes.of_packet(device, packet)
        if route is None:
            self._stats.lose(Drop.MALFORMED_INNER)
            return
        association = route.association
        if association is None:
            self._without_sa(device, packet, route.policy, now)
            return
        batch = pending.get(association)
        if batch is None:
            batch = pending[association] = ([], [])
            self._fitting.refresh(association.fit, association.path, now)
        fit = association.fit
        pieces: Sequence[bytes] = (packet,)
        if len(packet) > fit.packet:
            pieces = self._fitting.cut(device, association.sa, fit, packet, now)
        elif (packet[9] == mss.TCP or packet[6] == mss.TCP) and mss.may_open(packet):  # most others are seen at once
            pieces = (mss.clamp(packet, fit.segment),)
        for piece in pieces:
            next_header = association.next_header(piece)
            if next_header is None or len(piece) > association.largest:
                self._stats.lose(Drop.TRANSPORT if next_header is None else Drop.TOO_BIG)
                continue
            batch[0].append(piece)
            batch[1].append(next_header)

    def _way_of_run(self, device: str, packets: Run | Chain, now: float) -> OutboundSa | None:
        """The SA for all of them; None where they have to be looked at one by one."""
        if isinstance(packets, Run):
            if not flows.alike(packets.rows) or mss.may_open_rows(packets.rows):
                return None
            firsts: Sequence[Octets] = [packets.rows[0].tobytes()]
        elif packets.whole >= SHORTEST_RUN:
            firsts = list(packets.flows.values())
        else:
            return None
        first = firsts[0]
        association = self._association(device, first)
        if any(self._association(device, other) is not association for other in firsts[1:]):
            return None
        if association is None or not association.bare:
            return None
        self._fitting.refresh(association.fit, association.path, now)
        if packets.size > association.fit.packet or (association.transport and packet_size(first) != len(first)):
            return None
        front, _ = association.plainly(first)
        return association if _outbound(association).rows(1, packets.size - front) is not None else None

    def _association(self, device: str, packet: Octets) -> OutboundSa | None:
        """The SA of a plain packet, if any."""
        route = self._routes.of_packet(device, packet) if plain_key(packet) is not None else None
        return None if route is None else route.association

    def _without_sa(self, device: str, packet: bytes, policy: Policy | None, now: float) -> None:
        if policy is None:
            self._stats.lose(Drop.NO_POLICY)
        elif policy.action is not PolicyAction.PROTECT:
            self._stats.lose(Drop.DISCARD)  # nothing can bypass either: out of a device there is no other way
        elif any(association.usable for association in self._sad.outbound(policy.reqid)):
            self._stats.lose(Drop.SELECTOR)
        elif not policy.acquire:
            self._stats.lose(Drop.NO_SA)
        else:
            self._wait(device, packet, policy, now)

    def _wait(self, device: str, packet: bytes, policy: Policy, now: float) -> None:
        kept, first = self._acquire_queue.add(policy.reqid, device, packet, now)
        if not kept:
            self._stats.lose(Loss.HOLD_FULL)
        if first:
            self._report(Acquire(policy.tunnel, policy.reqid, policy.selector))

    def _seal_all(self, pending: Pending, now: float) -> None:
        for association, (inner, headers) in pending.items():
            if len(inner) == 1 and association.bare:
                self._seal_one(association, inner, headers[0], now)
            elif inner:  # all of them may have been too large
                self._seal(association, inner, headers, now)
        pending.clear()

    def _seal(self, association: OutboundSa, inner: Sequence[bytes], headers: Sequence[int], now: float) -> None:
        last = association.wrapper or association
        for each in (association, last):
            if each.state.remaining < len(inner):
                self._exhausted(each, len(inner))
                return
        sealed = association.state.seal(association.contents(inner), headers)
        if last is not association:
            sealed = last.state.seal(sealed, ESP)
        marker = encap.marker(association.path.encapsulation)
        if marker:
            sealed = [marker + packet for packet in sealed]
        start = 0
        for mark, count in association.marks.groups(inner, association.fit.packet):
            octets = sum(map(len, inner[start : start + count]))
            self._send(last, sealed[start : start + count], mark, octets, now)
            start += count
        if last is not association:
            association.used_at = now
            self._lifetimes.check(association, now)

    def _seal_one(self, association: OutboundSa, inner: Sequence[bytes], next_header: int, now: float) -> None:
        """What `_seal` does, for one packet and an SA with nothing around it: a batch may be of many such."""
        (packet,), (content,) = inner, association.contents(inner)
        try:
            sealed = _outbound(association).seal_one(content, next_header)
        except SequenceExhausted:
            self._exhausted(association, 1)
            return
        mark = association.marks.of(packet, fits=len(packet) <= association.fit.packet)
        self._outer.send(association.path, (sealed,), mark)
        self._sent(association, 1, len(packet), now)

    def _seal_run(self, association: OutboundSa, packets: Run | Chain, now: float) -> None:
        """Packets of one size come to the rows where they are encrypted, and leave from the rows they come to then."""
        state, size = _outbound(association), packets.size
        if isinstance(packets, Run):
            first: Octets = packets.rows[0].tobytes()
            count, last = len(packets.rows), packets.tail
        else:
            first = packets.parts[0].packet
            count, last = packets.whole, packets.tail()
        if state.remaining < count + bool(last):
            self._exhausted(association, count + bool(last))
            return
        front, next_header = association.plainly(first)
        rows = state.rows(count, size - front)
        assert rows is not None
        if isinstance(packets, Run):
            rows[:, : size - front] = packets.rows[:, front:]
        elif front:
            whole = np.empty((count, size + size % 2), np.uint8)
            packets.write_rows(whole)
            rows[:, : size - front] = whole[:, front:size]
        else:
            packets.write_rows(rows)
        sealed = state.seal_rows(count, size - front, next_header)
        tail = state.seal([last[front:]], next_header)[0] if last else b""
        self._send(association, Run(sealed, tail), association.marks.of(first), count * size + len(last), now)

    def _send(self, association: OutboundSa, sealed: Sequence[bytes], mark: Mark, octets: int, now: float) -> None:
        """`octets` as they were inside."""
        self._outer.send(association.path, sealed, mark)
        self._sent(association, len(sealed), octets, now)

    def _sent(self, association: OutboundSa, packets: int, octets: int, now: float) -> None:
        """What is to be noted of packets that have left."""
        association.used_at = now
        self._stats.out(packets, octets)
        if self._keepalives.wanted:
            self._keepalives.sent(association.path.local, association.path.remote, now)
        self._lifetimes.check(association, now)

    def _exhausted(self, association: OutboundSa, packets: int) -> None:
        self._stats.lose(Drop.SEQUENCE_EXHAUSTED, packets)
        self._lifetimes.end(association)


def _outbound(association: OutboundSa) -> Outbound:
    """The state of an SA that takes runs."""
    assert isinstance(association.state, Outbound)
    return association.state
