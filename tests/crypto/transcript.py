"""Recorded handshakes as values: captures to datagrams, datagrams to header and payload bodies.

Reads well-formed messages only, and independently of `ikevpn.wire`: no mistake there can hide one in `ikevpn.crypto`.
"""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from scapy.utils import rdpcap

SA, KE, ID, HASH, NONCE, NAT_D = 1, 4, 5, 8, 10, 20


@dataclass(frozen=True)
class Payloads:
    """A chain of payloads: (type, body) in order, and what follows the first one up to the end of the last."""

    items: tuple[tuple[int, bytes], ...]
    rest: bytes
    padding: bytes

    def bodies(self, kind: int) -> list[bytes]:
        return [body for number, body in self.items if number == kind]

    def one(self, kind: int) -> bytes:
        (body,) = self.bodies(kind)
        return body


@dataclass(frozen=True)
class Datagram:
    cky_i: bytes
    cky_r: bytes
    next_payload: int
    exchange: int
    encrypted: bool
    message_id: int
    body: bytes

    def payloads(self, plaintext: bytes | None = None) -> Payloads:
        """The chain in `plaintext`, or in the body of a message in clear."""
        return read_payloads(self.next_payload, self.body if plaintext is None else plaintext)


def read_datagram(data: bytes) -> Datagram:
    cky_i, cky_r, first, _, exchange, flags, message_id, length = struct.unpack("!8s8sBBBBII", data[:28])
    assert length == len(data)
    return Datagram(cky_i, cky_r, first, exchange, bool(flags & 1), message_id, data[28:])


def read_payloads(first: int, data: bytes) -> Payloads:
    items: list[tuple[int, bytes]] = []
    position = first_end = 0
    while first:
        following, _, length = struct.unpack_from("!BBH", data, position)
        assert length >= 4 and position + length <= len(data), "not a chain of payloads: the key or the IV is wrong"
        items.append((first, data[position + 4 : position + length]))
        position += length
        first_end = first_end or position
        first = following
    return Payloads(tuple(items), data[first_end:position], data[position:])


def udp_packets(capture: Path) -> list[Any]:
    """The packets of a capture that carry UDP over IPv4 with something in it."""
    if capture.suffix == ".gz":
        with gzip.open(capture) as file:
            packets = rdpcap(cast(IO[bytes], file))
    else:
        packets = rdpcap(str(capture))
    return [packet for packet in packets if packet.haslayer(UDP) and packet.haslayer(IP) and packet.haslayer(Raw)]


def datagrams(capture: Path) -> list[Datagram]:
    """The ISAKMP messages of a capture on ports 500 and, behind the non-ESP marker, 4500."""
    found = []
    for packet in udp_packets(capture):
        data = bytes(packet[UDP].payload)
        if 4500 in {packet[UDP].sport, packet[UDP].dport}:
            if data[:4] != bytes(4):
                continue
            data = data[4:]
        found.append(read_datagram(data))
    return found
