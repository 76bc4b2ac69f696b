"""Reads the UDP datagrams (and other IP payloads) out of capture files, for tests.

Understands pcap and pcapng, plain or gzip, over Ethernet (with VLAN tags), raw IP, Linux cooked, BSD loopback and PPP.
Puts IPv4 and IPv6 fragments together. Tolerant: frames that are cut short or broken are left out.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

UDP = 17
NON_ESP_MARKER = bytes(4)


@dataclass(frozen=True)
class Packet:
    """The payload of one IP packet."""

    source: IPv4Address | IPv6Address
    target: IPv4Address | IPv6Address
    protocol: int
    data: bytes


@dataclass(frozen=True)
class Datagram:
    """One UDP datagram."""

    source: IPv4Address | IPv6Address
    source_port: int
    target: IPv4Address | IPv6Address
    target_port: int
    data: bytes

    @property
    def ports(self) -> tuple[int, int]:
        return self.source_port, self.target_port


def datagrams(path: Path) -> list[Datagram]:
    """All UDP datagrams of a capture, in order."""
    found = []
    for packet in packets(path):
        if packet.protocol != UDP or len(packet.data) < 8:
            continue
        source_port, target_port, length, _ = struct.unpack_from("!4H", packet.data)
        data = packet.data[8 : max(length, 8)]
        found.append(Datagram(packet.source, source_port, packet.target, target_port, data))
    return found


def ike(path: Path) -> list[tuple[Datagram, bytes]]:
    """The datagrams that carry ISAKMP by their ports, with the message in them: without its non-ESP marker, if any."""
    found = []
    for datagram in datagrams(path):
        if 4500 in datagram.ports and datagram.data.startswith(NON_ESP_MARKER):
            found.append((datagram, datagram.data[4:]))
        elif 500 in datagram.ports and 4500 not in datagram.ports and len(datagram.data) > 1:
            found.append((datagram, datagram.data))
    return found


def packets(path: Path) -> list[Packet]:
    """All whole IP packets of a capture, in order."""
    pending: dict[tuple[object, ...], dict[int, tuple[bytes, bool]]] = {}
    found = []
    for link, frame in frames(path):
        network = _network(link, frame)
        if not network:
            continue
        reader = {4: _ipv4, 6: _ipv6}.get(network[0] >> 4)
        piece = reader(network) if reader else None
        if piece is None:
            continue
        packet, key, offset, more = piece
        if offset == 0 and not more:
            found.append(packet)
            continue
        pieces = pending.setdefault((packet.source, packet.target, packet.protocol, key), {})
        pieces[offset] = packet.data, more
        if (whole := _whole(pieces)) is not None:
            found.append(Packet(packet.source, packet.target, packet.protocol, whole))
    return found


def frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Link type and octets of every frame."""
    raw = path.read_bytes()
    data = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return _pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(data)


def _pcap(data: bytes) -> Iterator[tuple[int, bytes]]:
    order = ">" if data[:4] in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d") else "<"
    (link,) = struct.unpack_from(order + "I", data, 20)
    position = 24
    while position + 16 <= len(data):
        _, _, captured, _ = struct.unpack_from(order + "4I", data, position)
        yield link & 0xFFFF, data[position + 16 : position + 16 + captured]
        position += 16 + captured


def _pcapng(data: bytes) -> Iterator[tuple[int, bytes]]:
    order, links, position = "<", [], 0
    while position + 12 <= len(data):
        if data[position : position + 4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if data[position + 8 : position + 12] == b"\x1a\x2b\x3c\x4d" else "<"
        kind, length = struct.unpack_from(order + "II", data, position)
        body = data[position + 8 : position + length - 4]
        if kind == 1:
            links.append(struct.unpack_from(order + "H", body)[0])
        elif kind == 6:
            interface, _, _, captured, _ = struct.unpack_from(order + "5I", body)
            yield links[interface], body[20 : 20 + captured]
        elif kind == 3:
            yield links[0], body[4:]
        position += max(length, 12)


def _network(link: int, frame: bytes) -> bytes:
    """The IP packet in a frame, or nothing."""
    if link in {12, 14, 101, 228, 229}:
        return frame
    if link == 0:
        return frame[4:]
    if link in {9, 50, 104}:
        start = 2 if frame[:1] != b"\xff" else 4
        return frame[start:] if frame[start - 2 : start] in {b"\x00\x21", b"\x00\x57"} else b""
    if link == 113:
        return frame[16:] if frame[14:16] in {b"\x08\x00", b"\x86\xdd"} else b""
    if link == 276:
        return frame[20:] if frame[:2] in {b"\x08\x00", b"\x86\xdd"} else b""
    start = 14
    while frame[start - 2 : start] in {b"\x81\x00", b"\x88\xa8"}:
        start += 4
    return frame[start:] if frame[start - 2 : start] in {b"\x08\x00", b"\x86\xdd"} else b""


def _ipv4(data: bytes) -> tuple[Packet, int, int, bool] | None:
    if len(data) < 20:
        return None
    size, total = (data[0] & 15) * 4, int.from_bytes(data[2:4], "big")
    identification, fragment = struct.unpack_from("!HH", data, 4)
    packet = Packet(ip_address(data[12:16]), ip_address(data[16:20]), data[9], data[size : total or None])
    return packet, identification, (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)


def _ipv6(data: bytes) -> tuple[Packet, int, int, bool] | None:
    if len(data) < 40:
        return None
    kind, body = data[6], data[40 : 40 + int.from_bytes(data[4:6], "big")]
    identification, offset, more = 0, 0, False
    while kind in {0, 43, 44, 60} and len(body) >= 8:
        if kind == 44:
            field, identification = struct.unpack_from("!HI", body, 2)
            offset, more = field & 0xFFF8, bool(field & 1)
        size = 8 if kind == 44 else 8 * (body[1] + 1)
        kind, body = body[0], body[size:]
    return Packet(ip_address(data[8:24]), ip_address(data[24:40]), kind, body), identification, offset, more


def _whole(pieces: dict[int, tuple[bytes, bool]]) -> bytes | None:
    data, more = b"", True
    while more:
        if len(data) not in pieces:
            return None
        part, more = pieces[len(data)]
        data += part
    return data
