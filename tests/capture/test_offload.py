"""Super-packets are cut into the datagrams that travel, byte by byte."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from ikevpn.capture.offload import split


def esp(sequence: int, size: int, spi: int = 0xC0FFEE01) -> bytes:
    return struct.pack("!II", spi, sequence) + bytes((sequence + n) & 0xFF for n in range(size - 8))


def packet(payload: bytes, version: int = 4) -> bytes:
    outer = IP(src="192.0.2.1", dst="192.0.2.2", id=7) if version == 4 else IPv6(src="2001:db8::1", dst="2001:db8::2")
    return bytes(outer / UDP(sport=4500, dport=4500) / Raw(payload))


@pytest.mark.parametrize("version", [4, 6])
@given(count=st.integers(2, 12), size=st.integers(48, 200), last=st.integers(16, 48), first=st.integers(1, 2**32 - 1))
def test_every_segment_becomes_a_whole_packet(version: int, count: int, size: int, last: int, first: int) -> None:
    pieces = [esp((first + n) & 0xFFFFFFFF, size) for n in range(count - 1)] + [
        esp((first + count - 1) & 0xFFFFFFFF, last)
    ]
    found = split(packet(b"".join(pieces), version))
    kind = IP if version == 4 else IPv6
    read = [kind(each) for each in found]
    assert [bytes(each[UDP].payload) for each in read] == pieces
    for each, raw in zip(read, found, strict=True):
        assert each[UDP].len == len(bytes(each[UDP].payload)) + 8
        again = kind(raw)
        del again[UDP].chksum
        if version == 4:
            assert each.len == len(raw)
            del again.chksum
            assert kind(bytes(again)).chksum == each.chksum
        else:
            assert kind(bytes(again))[UDP].chksum == each[UDP].chksum


@pytest.mark.parametrize(
    "whole",
    [
        packet(esp(1, 300)),
        packet(b"\0\0\0\0" + bytes(400)),
        packet(b"\xff"),
        packet(b""),
        bytes(IP(src="192.0.2.1", dst="192.0.2.2") / ICMP() / Raw(bytes(300))),
        bytes(IP(src="192.0.2.1", dst="192.0.2.2", flags="MF") / UDP(sport=500, dport=500) / Raw(bytes(300))),
    ],
)
def test_everything_else_stays_as_it_is(whole: bytes) -> None:
    assert split(whole) == [whole]
