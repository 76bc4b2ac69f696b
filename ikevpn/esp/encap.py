"""What stands outside ESP: the markers of UDP encapsulation, and the octets that all of it adds to a packet.

Writes no IP or UDP header; that is the kernel's part.
"""

from __future__ import annotations

from enum import StrEnum

from ikevpn.esp.ah import header_size
from ikevpn.esp.transforms.layout import HEADER, TRAILER
from ikevpn.esp.transforms.transform import shape
from ikevpn.model.sa import Encapsulation, Sa, SaMode
from ikevpn.wire.registry import Protocol

NON_ESP_MARKER = bytes(4)  # RFC 3948 §2.2: in front of IKE on port 4500
NON_IKE_MARKER = bytes(8)  # draft-ietf-ipsec-udp-encaps-00 and -01: in front of ESP on port 500
KEEPALIVE = b"\xff"  # RFC 3948 §2.3

_IP_HEADERS = {4: 20, 6: 40}
_UDP_HEADER = 8


class Datagram(StrEnum):
    """What a datagram of the NAT-T port is."""

    IKE = "ike"
    ESP = "esp"
    KEEPALIVE = "keepalive"
    SHORT = "short"


def classify(datagram: bytes | memoryview) -> Datagram:
    """What arrived on port 4500 (RFC 3948 §2). Empty datagrams count as keepalives; both are to be forgotten."""
    if len(datagram) < 2 and datagram in (KEEPALIVE, b""):
        return Datagram.KEEPALIVE
    if len(datagram) < HEADER:
        return Datagram.SHORT
    return Datagram.IKE if datagram[:4] == NON_ESP_MARKER else Datagram.ESP


def marker(encapsulation: Encapsulation) -> bytes:
    """What goes between the UDP header and the SPI."""
    return NON_IKE_MARKER if encapsulation is Encapsulation.UDP_NON_IKE else b""


def inner_mtu(sa: Sa, path_mtu: int) -> int:
    """The longest IP packet that fits a path of `path_mtu` octets once it is sealed; 0 where none does."""
    header = _IP_HEADERS[sa.remote.address.version]
    if sa.protocol is Protocol.AH:
        payload = path_mtu - header - header_size(shape(sa.algorithms).icv, sa.remote.address.version)
    else:
        alignment = shape(sa.algorithms).alignment
        room = path_mtu - header - _udp(sa) - _fixed(sa)
        payload = room // alignment * alignment - TRAILER
    if payload <= 0:
        return 0
    return payload if sa.mode is SaMode.TUNNEL else payload + header


def _udp(sa: Sa) -> int:
    if sa.encapsulation is Encapsulation.NONE:
        return 0
    return _UDP_HEADER + len(marker(sa.encapsulation))


def _fixed(sa: Sa) -> int:
    sizes = shape(sa.algorithms)
    return HEADER + sizes.iv + sizes.icv
