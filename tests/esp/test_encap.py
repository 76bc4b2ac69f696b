"""Classification of datagrams, and sizes against packets that were really sealed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.encap import NON_IKE_MARKER, Datagram, classify, inner_mtu, marker
from ikevpn.esp.outbound import Outbound
from ikevpn.model.sa import Direction, Encapsulation, Sa, SaMode
from tests import captures
from tests.esp import samples


@pytest.mark.parametrize("kind", [bytes, memoryview])
@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        ("", Datagram.KEEPALIVE),
        ("ff", Datagram.KEEPALIVE),
        ("00", Datagram.SHORT),
        ("ffff", Datagram.SHORT),
        ("00000000", Datagram.SHORT),
        ("12345678000000", Datagram.SHORT),
        ("1234567800000001", Datagram.ESP),
        ("0000000000000000", Datagram.IKE),
        ("00000000" + "aa" * 28, Datagram.IKE),
        ("00000100" + "00" * 60, Datagram.ESP),
    ],
)
def test_classification(kind: type, octets: str, expected: Datagram) -> None:
    assert classify(kind(bytes.fromhex(octets))) is expected


@given(st.binary(max_size=40))
def test_classification_is_total(datagram: bytes) -> None:
    assert classify(datagram) in Datagram


def test_a_real_client_behind_nat(corpus: Path) -> None:
    """24 ESP packets, the rest is IKE behind the marker."""
    kinds = [
        classify(datagram.data)
        for datagram in captures.datagrams(corpus / "esp" / "ncp-udp-encap-gcm-ctr-cbc.pcapng")
        if 4500 in datagram.ports
    ]
    assert kinds.count(Datagram.ESP) == 24
    assert kinds.count(Datagram.IKE) == len(kinds) - 24 > 0


def test_keepalives_of_openswan(corpus: Path) -> None:
    kinds = [
        classify(datagram.data)
        for datagram in captures.datagrams(corpus / "ike" / "openswan-natt-rsasig.pcap")
        if 4500 in datagram.ports
    ]
    assert {Datagram.IKE, Datagram.ESP, Datagram.KEEPALIVE} == set(kinds)


def test_only_the_first_drafts_mark_esp() -> None:
    assert marker(Encapsulation.UDP_NON_IKE) == NON_IKE_MARKER == bytes(8)
    assert marker(Encapsulation.UDP) == marker(Encapsulation.NONE) == b""


# WIRE-FACTS: tunnel mode over IPv4 with a path of 1500 octets; 8 more for UDP.
@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ((samples.EspCipher.TRIPLE_DES, 192, samples.Integrity.HMAC_SHA1), 1446),
        (samples.CBC_SHA1, 1438),
        (samples.CBC_SHA256, 1438),
        (samples.GCM, 1446),
    ],
    ids=["3des-sha1", "cbc-sha1", "cbc-sha256", "gcm"],
)
def test_known_inner_mtus(pair: samples.Pair, expected: int) -> None:
    raw = samples.sa(Direction.OUT, pair, encapsulation=Encapsulation.NONE)
    assert inner_mtu(raw, 1500) == expected


@pytest.mark.parametrize("pair", samples.PAIRS, ids=samples.name)
@pytest.mark.parametrize("path_mtu", [576, 1280, 1499, 1500])
@pytest.mark.parametrize("encapsulation", list(Encapsulation))
def test_the_inner_mtu_is_the_longest_packet_that_fits(
    pair: samples.Pair, path_mtu: int, encapsulation: Encapsulation
) -> None:
    sa = samples.sa(Direction.OUT, pair, encapsulation=encapsulation)
    longest = inner_mtu(sa, path_mtu)
    assert sealed(sa, longest) <= path_mtu < sealed(sa, longest + 1)


def test_transport_mode_adds_no_ip_header() -> None:
    tunnel = samples.sa(Direction.OUT)
    transport = samples.sa(Direction.OUT, mode=SaMode.TRANSPORT)
    assert inner_mtu(transport, 1500) == inner_mtu(tunnel, 1500) + 20


def test_nothing_fits_a_path_that_is_too_short() -> None:
    assert inner_mtu(samples.sa(Direction.OUT), 40) == 0


def sealed(sa: Sa, size: int) -> int:
    """The length of the outer IPv4 packet around an inner one of `size` octets."""
    packet = Outbound(sa, samples.entropy()).seal([bytes(size)], 4)[0]
    udp = 0 if sa.encapsulation is Encapsulation.NONE else 8
    return 20 + udp + len(marker(sa.encapsulation)) + len(packet)
