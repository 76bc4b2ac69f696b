"""Compressed packets: what Linux sends under IPComp, and what an authentic peer may send that is none."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet import ipcomp
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.sa import Direction, SaMode
from tests.esp import samples
from tests.esp.samples import ipv4, ipv6, ports

MOST = 65_535


def compressed(packet: bytes, next_header: int = 4, *, window: int = -11) -> bytes:
    """As crypto/deflate.c of Linux makes it: level 6, a window of 2048 octets, no header, one packet at a time."""
    deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, window)
    return struct.pack("!BBH", next_header, 0, 2) + deflate.compress(packet) + deflate.flush()


def opened(*payloads: tuple[bytes, int], expands: bool = True, mode: SaMode = SaMode.TUNNEL) -> list[Opened | Drop]:
    """What an SA makes of ESP packets with these payloads and next headers, one by one and as the first of a run."""
    out = Outbound(samples.sa(Direction.OUT, mode=mode), samples.entropy())
    into = Inbound(samples.sa(Direction.IN, mode=mode, expands=expands))
    return into.open([sealed for payload, kind in payloads for sealed in out.seal([payload], kind)], 0.0)


@given(st.binary(max_size=1500), st.sampled_from([-9, -11, -15]))
def test_what_was_compressed_comes_out(payload: bytes, window: int) -> None:
    packet = ipv4(ports(1, 2, payload))
    assert opened((compressed(packet, window=window), 108), (packet, 4)) == [Opened(packet, 4), Opened(packet, 4)]


def test_either_family_and_transport_mode() -> None:
    packet, segment = ipv6(ports(1, 2, bytes(900))), ports(1, 2, bytes(900))
    assert opened((compressed(packet, 41), 108)) == [Opened(packet, 41)]
    assert opened((compressed(segment, 17), 108), mode=SaMode.TRANSPORT) == [Opened(segment, 17)]


def test_a_run_and_one_alone() -> None:
    packets = [ipv4(ports(1, 2, bytes([n]) * 900)) for n in range(4)]
    out = Outbound(samples.sa(Direction.OUT), samples.entropy())
    into = Inbound(samples.sa(Direction.IN, expands=True))
    sealed = out.seal([compressed(packet) for packet in packets], 108)
    assert [into.open_one(each, 0.0) for each in sealed] == packets
    assert into.bytes == sum(map(len, packets)) and not into.drops


def test_without_having_been_agreed_on_it_is_an_unknown_protocol() -> None:
    assert opened((compressed(ipv4(ports(1, 2))), 108), expands=False) == [Drop.NEXT_HEADER]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Drop.IPCOMP),
        (b"\x04\0\0", Drop.IPCOMP),
        (b"\x04\0\0\2", Drop.IPCOMP),
        (b"\x04\0\0\2" + b"no deflate at all", Drop.IPCOMP),
        (compressed(ipv4(ports(1, 2, bytes(900))))[:-4], Drop.IPCOMP),
        (compressed(bytes(MOST + 1)), Drop.IPCOMP),
        (compressed(bytes(1 << 26)), Drop.IPCOMP),  # 64 MiB out of 64 KiB
        (compressed(bytes(MOST)), Drop.MALFORMED_INNER),
        (compressed(b"no packet"), Drop.MALFORMED_INNER),
        (compressed(ipv4(ports(1, 2)), 17), Drop.NEXT_HEADER),
        (compressed(compressed(ipv4(ports(1, 2))), 108), Drop.NEXT_HEADER),
    ],
    ids=lambda value: str(value) if isinstance(value, Drop) else "",
)
def test_what_is_none_is_dropped_for_a_reason(payload: bytes, reason: Drop) -> None:
    if len(payload) > MOST:
        assert ipcomp.expand(payload) is reason
    else:
        assert opened((payload, 108)) == [reason]


def test_selectors_look_at_what_comes_out() -> None:
    selectors = (samples.ANY_IPV6,)
    out = Outbound(samples.sa(Direction.OUT), samples.entropy())
    into = Inbound(samples.sa(Direction.IN, expands=True, selectors=selectors))
    assert into.open(out.seal([compressed(ipv4(ports(1, 2)))], 108), 0.0) == [Drop.SELECTOR]


@given(st.binary(max_size=300))
def test_any_octets(payload: bytes) -> None:
    answer = ipcomp.expand(payload)
    assert answer is Drop.IPCOMP or len(answer[0]) <= MOST
