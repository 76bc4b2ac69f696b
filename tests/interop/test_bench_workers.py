"""What the benchmark of several workers sends and prints; to run it needs root and two quiet cores."""

from __future__ import annotations

from scapy.layers.inet import IP

from ikevpn.model.sa import Direction
from interop.bench.workers import INNER, Run, _table, _udp


def test_its_packets_are_whole() -> None:
    raw = _udp("10.2.1.9", "10.1.1.9")
    parsed = IP(raw)
    assert len(raw) == parsed.len == INNER
    sums = parsed.chksum, parsed.payload.chksum
    del parsed.chksum, parsed.payload.chksum
    again = IP(bytes(parsed))
    assert sums == (again.chksum, again.payload.chksum)


def test_the_busiest_worker_counts() -> None:
    found = {(Direction.IN, 1): [Run(0.5, (0.4,))], (Direction.IN, 2): [Run(0.5, (0.25, 0.2))]}
    lines = list(_table(found))
    total = Run(1.0, (1.0,)).mbit_per_s(1.0)
    assert lines[2:] == [
        f"| inward | 1 | {total / 0.5:.0f} | {total / 0.4:.0f} | 0.40 |",
        f"| inward | 2 | {total / 0.5:.0f} | {total / 0.25:.0f} | 0.25 + 0.20 |",
    ]
