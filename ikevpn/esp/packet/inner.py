"""Reads of an IP packet what selectors are compared with: addresses, protocol, ports (RFC 4301 §4.4.1.1).

Never raises: a packet that cannot be read is None. Reads headers only; checksums and payloads are not its business.
"""

from __future__ import annotations

from typing import NamedTuple

IPV4 = 4  # next header of IPv4 in tunnel mode
IPV6 = 41
NO_NEXT = 59

_TCP, _UDP, _DCCP, _SCTP, _UDP_LITE = 6, 17, 33, 132, 136
WITH_PORTS = frozenset({_TCP, _UDP, _DCCP, _SCTP, _UDP_LITE})

_WITHOUT_PORTS = frozenset({1, 47, 58})  # ICMP, GRE, ICMPv6: nothing that selectors see stands behind the IP header

_HOP_BY_HOP, _ROUTING, _FRAGMENT, _OPTIONS = 0, 43, 44, 60
_SKIPPED = frozenset({_HOP_BY_HOP, _ROUTING, _OPTIONS})
_MOST_EXTENSIONS = 16

_IPV4_HEADER = 20
_LARGEST = 65_535
_IPV6_HEADER = 40
_PORTS = 4
_SHORTEST_PLAIN = _IPV4_HEADER + _PORTS
_SHORTEST_PLAIN_IPV6 = _IPV6_HEADER + _PORTS
_IPV4_KEY_ENDS = {**dict.fromkeys((_TCP, _UDP), _SHORTEST_PLAIN), **dict.fromkeys(_WITHOUT_PORTS, _IPV4_HEADER)}
_IPV6_KEY_ENDS = {**dict.fromkeys((_TCP, _UDP), _SHORTEST_PLAIN_IPV6), **dict.fromkeys(_WITHOUT_PORTS, _IPV6_HEADER)}


class Flow(NamedTuple):
    """What selectors see of one packet. A tuple, because one is made for every packet and it is a key in tables.

    Addresses are octets in network order, which compare like the numbers they are. Ports are 0 where the protocol
    has none or the packet is a later fragment (`fragment`), which carries none.
    """

    version: int
    source: bytes
    target: bytes
    protocol: int
    source_port: int = 0
    target_port: int = 0
    fragment: bool = False


def plain_key(packet: bytes | memoryview) -> bytes | None:
    """Protocol, addresses and ports as they stand in a usual packet without options, extensions or fragments.

    Two packets with the same key have the same flow. None for all other packets; the length is not looked at.
    """
    if packet[0] == 0x45:
        if len(packet) >= _SHORTEST_PLAIN and not (packet[6] & 0x3F or packet[7]):
            protocol = packet[9]
            if protocol in (_TCP, _UDP):
                return bytes(packet[9:10]) + packet[12:24]
            if protocol in _WITHOUT_PORTS:
                return bytes(packet[9:10]) + packet[12:20]
    elif packet[0] >> 4 == 6 and len(packet) >= _SHORTEST_PLAIN_IPV6:
        protocol = packet[6]
        if protocol in (_TCP, _UDP):
            return bytes(packet[6:7]) + packet[8:44]
        if protocol in _WITHOUT_PORTS:
            return bytes(packet[6:7]) + packet[8:40]
    return None


def lane_key(packet: bytes) -> bytes | None:
    """What stands in the header of a usual packet and does not differ from packet to packet of its flow.

    Two packets with the same key have the same `plain_key`, traffic class and flags. None for all packets that have no
    `plain_key`, and for those that are not as long as they say.
    """
    if len(packet) < _SHORTEST_PLAIN:
        return None
    if packet[0] == 0x45:
        end = _IPV4_KEY_ENDS.get(packet[9])
        if end is None or packet[2] << 8 | packet[3] != len(packet) or packet[6] & 0x3F or packet[7]:
            return None
        return packet[:2] + packet[6:7] + packet[9:10] + packet[12:end]
    end = _IPV6_KEY_ENDS.get(packet[6])
    if packet[0] >> 4 != 6 or end is None or len(packet) < _SHORTEST_PLAIN_IPV6:
        return None
    size = _IPV6_HEADER + (packet[4] << 8 | packet[5])
    return packet[:2] + packet[6:7] + packet[8:end] if size == len(packet) else None


def packet_size(packet: bytes | memoryview) -> int | None:
    """How long the packet says it is, in octets; None where that is more than there is, or no IP packet at all."""
    if len(packet) < _IPV4_HEADER:
        return None
    version = packet[0] >> 4
    if version == 4:
        size = packet[2] << 8 | packet[3]
        shortest = max((packet[0] & 15) * 4, _IPV4_HEADER)
    elif version == 6:
        size = _IPV6_HEADER + (packet[4] << 8 | packet[5])
        shortest = _IPV6_HEADER
    else:
        return None
    return size if shortest <= size <= len(packet) else None


def read_flow(packet: bytes | memoryview) -> Flow | None:
    """The flow of an IPv4 or IPv6 packet that starts at its IP header; None where the headers are broken.

    Skips IPv4 options and the IPv6 extension headers that RFC 8200 lets stand before the payload. A first fragment
    that is cut before its ports is broken too: nothing could be said about what follows it.
    """
    size = packet_size(packet)
    if size is None:
        return None
    return _read_ipv4(packet, size) if packet[0] >> 4 == 4 else _read_ipv6(packet, size)


def _read_ipv4(packet: bytes | memoryview, size: int) -> Flow | None:
    header = (packet[0] & 15) * 4
    if header < _IPV4_HEADER:
        return None
    source, target = bytes(packet[12:16]), bytes(packet[16:20])
    offset = (packet[6] & 0x1F) << 8 | packet[7]
    if offset * 8 + size > _LARGEST:  # no datagram can be put together with it
        return None
    fragment = bool(offset)
    return _with_ports(Flow(4, source, target, packet[9], fragment=fragment), packet, header, size)


def _read_ipv6(packet: bytes | memoryview, size: int) -> Flow | None:
    source, target = bytes(packet[8:24]), bytes(packet[24:40])
    protocol, at = packet[6], _IPV6_HEADER
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _SKIPPED and protocol != _FRAGMENT:
            return _with_ports(Flow(6, source, target, protocol), packet, at, size)
        if at + 8 > size:
            return None
        following = packet[at]
        if protocol == _FRAGMENT:
            if packet[at + 2] or packet[at + 3] & 0xF8:
                return Flow(6, source, target, following, fragment=True)
            at += 8
        else:
            at += (packet[at + 1] + 1) * 8
        protocol = following
    return None


def _with_ports(flow: Flow, packet: bytes | memoryview, at: int, size: int) -> Flow | None:
    if flow.fragment or flow.protocol not in WITH_PORTS:
        return flow if at <= size else None
    if at + 4 > size:
        return None
    ports = packet[at : at + 4]
    return flow._replace(source_port=ports[0] << 8 | ports[1], target_port=ports[2] << 8 | ports[3])
