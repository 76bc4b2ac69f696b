"""The kernel runs the filter: attached to a local datagram socket, it lets IKE and ESP through and nothing else."""

from __future__ import annotations

import socket
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

from ikevpn.capture.packet_filter import ike_and_esp

SO_ATTACH_FILTER = 26
V4 = IP(src="192.0.2.1", dst="192.0.2.2")
OPTIONS = IP(src="192.0.2.1", dst="192.0.2.2", options=b"\x94\x04\0\0")
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2")


def passes(packet: bytes) -> bool:
    program, count = ike_and_esp((500, 4500))
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", count, program.buffer_info()[0]))
        receiver.setblocking(False)
        try:
            sender.send(packet)
            return receiver.recv(4096) == packet
        except (BlockingIOError, PermissionError):
            return False


@pytest.mark.parametrize(
    "packet",
    [
        V4 / UDP(sport=500, dport=500),
        V4 / UDP(sport=4500, dport=31337),
        V4 / UDP(sport=31337, dport=4500),
        OPTIONS / UDP(sport=31337, dport=500),
        IP(src="192.0.2.1", dst="192.0.2.2", proto=50) / Raw(bytes(40)),
        IP(src="192.0.2.1", dst="192.0.2.2", proto=17, frag=100) / Raw(bytes(40)),
        V6 / UDP(sport=500, dport=500),
        V6 / UDP(sport=9, dport=4500),
        IPv6(src="2001:db8::1", dst="2001:db8::2", nh=50) / Raw(bytes(40)),
        IP(src="192.0.2.1", dst="192.0.2.2", proto=51) / Raw(bytes(40)),
        IPv6(src="2001:db8::1", dst="2001:db8::2", nh=51) / Raw(bytes(40)),
        V6 / IPv6ExtHdrFragment(nh=17, offset=10) / Raw(bytes(40)),
    ],
    ids=lambda packet: packet.summary(),
)
def test_ike_and_esp_pass(packet: IP) -> None:
    assert passes(bytes(packet))


@pytest.mark.parametrize(
    "packet",
    [V4 / UDP(sport=53, dport=53), V4 / TCP(sport=500, dport=500), V4 / ICMP(), V6 / UDP(sport=1, dport=2), V6 / TCP()],
    ids=lambda packet: packet.summary(),
)
def test_nothing_else_passes(packet: IP) -> None:
    assert not passes(bytes(packet))


def test_what_is_no_ip_does_not_pass() -> None:
    assert not passes(b"\x20" + bytes(60))
