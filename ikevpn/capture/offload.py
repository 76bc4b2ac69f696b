"""Cuts a super-packet of UDP segmentation offload back into the datagrams that travel. Pure: octets in, octets out.

A packet socket sees what the kernel carries inside: up to 64 KiB of ESP packets behind one UDP header (UDP_SEGMENT,
UDP_GRO). The length of a segment is not told, but ESP tells it: the next one begins with the same SPI and the next
sequence number.
"""

from __future__ import annotations

import struct

_UDP = 17


def split(packet: bytes) -> list[bytes]:
    """The datagrams in one IP packet as the kernel shows it; all other packets come back as they are."""
    version = packet[0] >> 4
    head = (packet[0] & 15) * 4 if version == 4 else 40
    protocol = packet[9] if version == 4 else packet[6]
    fragment = version == 4 and struct.unpack_from("!H", packet, 6)[0] & 0x3FFF
    if protocol != _UDP or fragment or len(packet) < head + 8:
        return [packet]
    ip, udp, payload = packet[:head], packet[head : head + 8], packet[head + 8 :]
    size = _segment_size(payload)
    if size == len(payload):
        return [packet]
    pieces = [payload[start : start + size] for start in range(0, len(payload), size)]
    return [_datagram(ip, udp, piece, number) for number, piece in enumerate(pieces)]


def _segment_size(payload: bytes) -> int:
    """The length after which the same SPI stands with the next sequence number; the whole length where it does not."""
    spi, sequence = payload[:4], payload[4:8]
    if len(payload) < 48 or spi == bytes(4) or len(sequence) < 4:
        return len(payload)
    following = spi + struct.pack("!I", (int.from_bytes(sequence) + 1) & 0xFFFFFFFF)
    place = payload.find(following, 8)
    return place if place > 0 else len(payload)


def _datagram(ip: bytes, udp: bytes, payload: bytes, number: int) -> bytes:
    length = 8 + len(payload)
    ports = udp[:4]
    if ip[0] >> 4 == 4:
        identification = (struct.unpack_from("!H", ip, 4)[0] + number) & 0xFFFF
        head = bytearray(ip)
        struct.pack_into("!HH", head, 2, len(ip) + length, identification)
        struct.pack_into("!H", head, 10, 0)
        struct.pack_into("!H", head, 10, _checksum(bytes(head)))
        return bytes(head) + ports + struct.pack("!HH", length, 0) + payload
    head = bytearray(ip)
    struct.pack_into("!H", head, 4, length)
    pseudo = ip[8:40] + struct.pack("!II", length, _UDP)
    total = _checksum(pseudo + ports + struct.pack("!HH", length, 0) + payload) or 0xFFFF
    return bytes(head) + ports + struct.pack("!HH", length, total) + payload


def _checksum(octets: bytes) -> int:
    """RFC 1071."""
    even = octets + bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
