"""What is written is what scapy and tshark read."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from scapy.utils import PcapNgReader

from ikevpn.capture import pcapng


def test_packets_and_times_come_back(tmp_path: Path) -> None:
    file = tmp_path / "x.pcapng"
    packets = [
        bytes(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=500, dport=500) / Raw(bytes(n))) for n in range(8)
    ]
    times = [1_700_000_000_123_456_789 + n for n in range(8)]
    blocks = [pcapng.write_packet(packet, when) for packet, when in zip(packets, times, strict=True)]
    file.write_bytes(pcapng.write_head("ikevpn test") + b"".join(blocks))
    with PcapNgReader(str(file)) as reader:
        found = list(reader)
    assert [bytes(each) for each in found] == packets
    assert all(isinstance(each, IP) for each in found)
    assert [int(float(each.time)) for each in found] == [when // 10**9 for when in times]


def test_blocks_are_aligned() -> None:
    assert all(len(pcapng.write_packet(bytes(n), 0)) % 4 == 0 for n in range(9))
    assert len(pcapng.write_head("x" * 7)) % 4 == 0
