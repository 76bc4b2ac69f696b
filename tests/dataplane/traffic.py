"""Packets with right checksums for the tests of offloads; scapy makes them, not the code under test."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from ikevpn.dataplane.userspace.packet import vnet
from ikevpn.dataplane.userspace.packet.vnet import Offload

TIMESTAMP = [("NOP", None), ("NOP", None), ("Timestamp", (7, 9))]


def network(version: int, **fields: object) -> Packet:
    """An IP header between two fixed hosts."""
    if version == 4:
        return IP(**{"src": "10.1.1.1", "dst": "10.2.2.2", "id": 1000, "flags": "DF", **fields})
    return IPv6(**{"src": "fd01::1", "dst": "fd02::2", **fields})


def tcp(
    version: int, data: bytes, *, sequence: int = 1, flags: str = "A", options: object = TIMESTAMP, **ip: object
) -> bytes:
    transport = TCP(sport=5001, dport=80, seq=sequence % 2**32, ack=77, window=500, flags=flags, options=options)
    return bytes(network(version, **ip) / transport / Raw(data))


def udp(version: int, data: bytes, **ip: object) -> bytes:
    return bytes(network(version, **ip) / UDP(sport=5001, dport=53) / Raw(data))


def tcp_run(version: int, count: int, size: int, *, first: int = 1, identifier: int = 1000) -> list[bytes]:
    """What a kernel sends of one stream: numbers that follow each other, the push with the last."""
    return [
        tcp(
            version,
            bytes([index % 256]) * size,
            sequence=first + index * size,
            flags="PA" if index == count - 1 else "A",
            **({"id": (identifier + index) % 2**16} if version == 4 else {}),
        )
        for index in range(count)
    ]


def udp_run(version: int, count: int, size: int, *, identifier: int = 1000) -> list[bytes]:
    return [
        udp(version, bytes([index % 256]) * size, **({"id": (identifier + index) % 2**16} if version == 4 else {}))
        for index in range(count)
    ]


def checked(packet: bytes) -> bytes:
    """The packet with all lengths and checksums computed by scapy."""
    parsed: Packet = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
    for layer in (IP, TCP, UDP):
        if layer in parsed and parsed[layer].chksum is not None:
            del parsed[layer].chksum
    if IP in parsed:
        del parsed[IP].len
    if IPv6 in parsed:
        del parsed[IPv6].plen
    if UDP in parsed:
        del parsed[UDP].len
    return bytes(parsed)


def whole(packet: bytes, segment: int) -> tuple[bytes, Offload]:
    """A packet as the kernel leaves it to be cut: its offload, and a checksum that is not computed."""
    parsed: Packet = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
    version = packet[0] >> 4
    is_tcp = TCP in parsed
    layer = parsed[TCP] if is_tcp else parsed[UDP]
    start = len(packet) - len(bytes(layer))
    header = start + (layer.dataofs * 4 if is_tcp else 8)
    kind = (vnet.TCP4 if version == 4 else vnet.TCP6) if is_tcp else vnet.UDP
    return packet, Offload(vnet.NEEDS_CHECKSUM, kind, header, segment, start, 16 if is_tcp else 6)


def split_sizes(total: int, segment: int) -> list[int]:
    return [min(segment, total - at) for at in range(0, total, segment)]


versions = st.sampled_from([4, 6])
segments = st.one_of(st.integers(1, 64), st.integers(500, 1448), st.sampled_from([1328, 1386, 1460, 8948]))


def concatenated(packets: Sequence[bytes], header: int) -> bytes:
    """The payloads behind headers of one length."""
    return b"".join(packet[header:] for packet in packets)
