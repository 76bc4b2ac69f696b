"""Whether a packet belongs to an SA: its selectors, compiled for comparing octets (RFC 4301 §5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ikevpn.esp.packet.inner import Flow, plain_key, read_flow
from ikevpn.model.sa import Direction
from ikevpn.model.selector import ANY, Selector

_MOST_REMEMBERED = 4096


class _Row(NamedTuple):
    """One selector as seen on the packet: source and target instead of local and remote."""

    version: int
    source_first: bytes
    source_last: bytes
    target_first: bytes
    target_last: bytes
    protocol: int
    source_port: int
    target_port: int

    def admits(self, flow: Flow) -> bool:
        return (
            flow.version == self.version
            and self.source_first <= flow.source <= self.source_last
            and self.target_first <= flow.target <= self.target_last
            and self.protocol in (ANY, flow.protocol)
            and (flow.fragment or self._admits_ports(flow))
        )

    def _admits_ports(self, flow: Flow) -> bool:
        return self.source_port in (ANY, flow.source_port) and self.target_port in (ANY, flow.target_port)


class Selection:
    """The selectors of one SA. With no selector it admits nothing.

    Later fragments carry no ports and are judged by addresses and protocol alone (RFC 4301 §7): they are worth nothing
    without their first fragment, which has to pass with its ports. IPv6 fragments whose upper protocol stands behind
    further extension headers pass only where any protocol does.
    """

    __slots__ = ("_remembered", "_rows")

    def __init__(self, selectors: Iterable[Selector], direction: Direction) -> None:
        """`direction` says on which side of the packet the selectors' local end is: source of what goes out."""
        self._rows = tuple(_row(s if direction is Direction.OUT else s.reversed()) for s in selectors)
        self._remembered: dict[bytes, bool] = {}

    def admits(self, flow: Flow) -> bool:
        """Whether one of the selectors matches."""
        return any(row.admits(flow) for row in self._rows)

    def admits_lane(self, key: bytes, packet: bytes) -> bool:
        """Whether a packet with this `lane_key` is admitted."""
        answer = self._remembered.get(key)
        return self._remember(key, packet) if answer is None else answer

    def judge(self, packet: bytes) -> bool | None:
        """Whether a packet with a right length is admitted; None where its headers are broken.

        The answer for plain TCP and UDP headers is remembered: most of a batch is a few flows.
        """
        key = plain_key(packet)
        if key is None:
            return self._read(packet)
        answer = self._remembered.get(key)
        return self._remember(key, packet) if answer is None else answer

    def _remember(self, key: bytes, packet: bytes) -> bool:
        answer = bool(self._read(packet))
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = answer
        return answer

    def _read(self, packet: bytes) -> bool | None:
        flow = read_flow(packet)
        return None if flow is None else self.admits(flow)


def _row(selector: Selector) -> _Row:
    source, target = selector.local, selector.remote
    return _Row(
        source.version,
        source.first.packed,
        source.last.packed,
        target.first.packed,
        target.last.packed,
        selector.protocol,
        selector.local_port,
        selector.remote_port,
    )
