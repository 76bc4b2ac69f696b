"""The last thing done to packets that came through an SA: congestion marks from outside, and TCP that must fit back."""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.dataplane.userspace.forward.association import InboundSa
from ikevpn.dataplane.userspace.packet import ecn, mss
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.sa import SaMode


def settle(association: InboundSa, packets: Sequence[bytes], mark: int) -> Sequence[bytes]:
    """Packets of tunnel mode as they go on; `mark` is the congestion mark that all of them had outside."""
    if association.sa.mode is not SaMode.TUNNEL:
        return packets
    if _counts(association, mark):
        packets = _combined(association, packets, mark)
    limit, tcp = association.fit.segment, mss.TCP
    return [  # by far most packets are others, which is seen at once
        mss.clamp(packet, limit) if (packet[9] == tcp or packet[6] == tcp) and mss.may_open(packet) else packet
        for packet in packets
    ]


def settle_run(association: InboundSa, run: Run, mark: int) -> Sequence[bytes]:
    """The same for a run of plain TCP or UDP; as a rule it stays one."""
    if association.sa.mode is not SaMode.TUNNEL:
        return run
    marked = not _counts(association, mark) or ecn.combine_rows(run.rows, mark)
    if not marked or mss.may_open_rows(run.rows):
        return settle(association, list(run), mark)
    return Run(run.rows, b"".join(settle(association, [run.tail], mark))) if run.tail else run


def _counts(association: InboundSa, mark: int) -> bool:
    return ecn.matters(mark) and association.sa.outer.ecn


def _combined(association: InboundSa, packets: Sequence[bytes], mark: int) -> list[bytes]:
    kept: list[bytes] = []
    for packet in packets:
        combined = ecn.combine(packet, mark)
        if combined is None:
            association.state.withdraw(Drop.ECN, packet)
        else:
            kept.append(combined)
    return kept
