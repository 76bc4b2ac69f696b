"""From a TUN device to the outside. What no SA protects never leaves.

A batch's way:

1. `packets`: the flow of each packet, and its route
2. `_without_sa`: no SA; dropped, or held while IKE negotiates one
3. `_seal`: what goes through one SA, in order, sealed at once
4. sent along the SA's path; limits checked
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ikevpn.dataplane.association import OutboundSa
from ikevpn.dataplane.ends import OuterEnd
from ikevpn.dataplane.hold import Hold
from ikevpn.dataplane.interface import Acquire
from ikevpn.dataplane.keepalive import Keepalives
from ikevpn.dataplane.lifetime import Lifetimes
from ikevpn.dataplane.lookup import Routes, Sad
from ikevpn.dataplane.stats import Loss, Stats
from ikevpn.esp import encap
from ikevpn.esp.drops import Drop
from ikevpn.esp.inner import IPV4, IPV6, read_flow
from ikevpn.esp.outbound import SequenceExhausted
from ikevpn.model.sa import Policy, PolicyAction


class Outward:
    """Holds no SA and no policy of its own; it works on those of `Forwarding`."""

    def __init__(
        self,
        *,
        routes: Routes,
        sad: Sad,
        outer: OuterEnd,
        keepalives: Keepalives,
        lifetimes: Lifetimes,
        stats: Stats,
        report: Callable[[Acquire], None],
    ) -> None:
        self._routes = routes
        self._sad = sad
        self._outer = outer
        self._keepalives = keepalives
        self._lifetimes = lifetimes
        self._stats = stats
        self._report = report
        self._hold = Hold()

    def packets(self, device: str, packets: Sequence[bytes], now: float) -> None:
        """A batch that came out of `device`, in the order in which it came."""
        runs: dict[OutboundSa, tuple[list[bytes], list[int]]] = {}
        for packet in packets:
            flow = read_flow(packet)
            if flow is None:
                self._stats.lose(Drop.MALFORMED_INNER)
                continue
            policy, association = self._routes.find(device, flow)
            if association is None:
                self._without_sa(device, packet, policy, now)
                continue
            run = runs.get(association)
            if run is None:
                run = runs[association] = ([], [])
            run[0].append(packet)
            run[1].append(IPV4 if flow.version == 4 else IPV6)
        for association, (inner, headers) in runs.items():
            self._seal(association, inner, headers, now)

    def release(self, reqid: int, now: float) -> None:
        """An SA is there: packets that waited for it set out again."""
        for device, packet in self._hold.take(reqid):
            self.packets(device, [packet], now)

    def timer(self, now: float) -> None:
        """Give up packets that waited in vain."""
        vain = self._hold.forget(now)
        if vain:
            self._stats.lose(Drop.NO_SA, vain)

    def next_timer(self) -> float | None:
        """When `timer` has work to do."""
        return self._hold.next_timer()

    def _without_sa(self, device: str, packet: bytes, policy: Policy | None, now: float) -> None:
        if policy is None:
            self._stats.lose(Drop.NO_POLICY)
        elif policy.action is not PolicyAction.PROTECT:
            self._stats.lose(Drop.DISCARD)  # nothing can bypass either: out of a device there is no other way
        elif any(not association.expired for association in self._sad.outbound(policy.reqid)):
            self._stats.lose(Drop.SELECTOR)
        elif not policy.acquire:
            self._stats.lose(Drop.NO_SA)
        else:
            self._wait(device, packet, policy, now)

    def _wait(self, device: str, packet: bytes, policy: Policy, now: float) -> None:
        kept, first = self._hold.add(policy.reqid, device, packet, now)
        if not kept:
            self._stats.lose(Loss.HOLD_FULL)
        if first:
            self._report(Acquire(policy.tunnel, policy.reqid, policy.selector))

    def _seal(self, association: OutboundSa, inner: Sequence[bytes], headers: Sequence[int], now: float) -> None:
        try:
            sealed = association.state.seal(inner, headers)
        except SequenceExhausted:
            self._stats.lose(Drop.SEQUENCE_EXHAUSTED, len(inner))
            self._lifetimes.end(association)
            return
        path = association.path
        marker = encap.marker(path.encapsulation)
        self._outer.send(path, [marker + packet for packet in sealed] if marker else sealed)
        association.used_at = now
        self._stats.add("packets-out", len(sealed))
        self._stats.add("bytes-out", sum(map(len, inner)))
        self._keepalives.sent(path.local, path.remote, now)
        self._lifetimes.check(association, now)
