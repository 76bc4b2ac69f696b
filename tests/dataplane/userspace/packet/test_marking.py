from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.packet.marking import Mark, Marker
from ikevpn.model.outer_header import DfBit, OuterHeader
from ikevpn.model.sa import SaMode
from tests.dataplane.traffic import udp, versions


def packet(version: int, service: int, data: bytes = b"data", **ip: object) -> bytes:
    """A packet with all eight bits of the class of service."""
    return udp(version, data, **{"tos" if version == 4 else "tc": service}, **ip)


def mark(service: int, version: int = 4, *, fits: bool = True, mode: SaMode = SaMode.TUNNEL, df: bool = True, **outer):
    flags = {"flags": "DF" if df else 0} if version == 4 else {}
    return Marker(OuterHeader(**outer), mode).of(packet(version, service, **flags), fits=fits)


@given(version=versions, service=st.integers(0, 255))
def test_class_of_service_is_copied(version: int, service: int) -> None:
    assert mark(service, version) == Mark(service, 64, True)


@given(version=versions, service=st.integers(0, 255), dscp=st.integers(0, 63))
def test_or_fixed_and_congestion_marks_are_copied_still(version: int, service: int, dscp: int) -> None:
    assert mark(service, version, dscp=dscp).tos == dscp << 2 | service & 3
    assert mark(service, version, dscp=dscp, ecn=False).tos == dscp << 2


@pytest.mark.parametrize(
    ("word", "inside", "outside"),
    [
        (DfBit.COPY, True, True),
        (DfBit.COPY, False, False),
        (DfBit.SET, True, True),
        (DfBit.SET, False, True),
        (DfBit.CLEAR, True, False),
        (DfBit.CLEAR, False, False),
    ],
)
def test_df(word: DfBit, inside: bool, outside: bool) -> None:
    made = Marker(OuterHeader(word), SaMode.TUNNEL).of(packet(4, 0, flags="DF" if inside else 0))
    assert made.df is outside


@pytest.mark.parametrize("mode", SaMode)
def test_the_checksum_of_udp(mode: SaMode) -> None:
    assert mark(0, mode=mode).checksum
    assert not mark(0, mode=mode, checksum=False).checksum


def test_ttl() -> None:
    assert mark(0, ttl=9).ttl == 9


def test_ipv6_counts_as_df_set() -> None:
    assert mark(0, 6).df
    assert not Marker(OuterHeader(DfBit.CLEAR), SaMode.TUNNEL).of(packet(6, 0)).df


def test_what_does_not_fit_leaves_in_fragments() -> None:
    marker = Marker(OuterHeader(), SaMode.TUNNEL)
    assert marker.of(packet(4, 0)).df
    assert not marker.of(packet(4, 0), fits=False).df
    assert marker.of(packet(4, 0)).df


@given(version=versions, service=st.integers(0, 255))
def test_in_transport_mode_it_is_the_packets_own_header(version: int, service: int) -> None:
    made = Marker(OuterHeader(DfBit.CLEAR, dscp=5, ecn=False), SaMode.TRANSPORT).of(packet(version, service))
    assert (made.tos, made.df) == (service, True)


@given(version=versions, ttls=st.lists(st.integers(1, 255), min_size=1, max_size=9))
def test_and_its_own_ttl(version: int, ttls: list[int]) -> None:
    made = [packet(version, 0, **{"ttl" if version == 4 else "hlim": ttl}) for ttl in ttls]
    groups = Marker(OuterHeader(), SaMode.TRANSPORT).groups(made, 1000)
    assert [mark.ttl for mark, count in groups for _ in range(count)] == ttls


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=20))
def test_groups_keep_the_order(services: list[tuple[int, bool]]) -> None:
    marker = Marker(OuterHeader(), SaMode.TUNNEL)
    packets = [packet(4, service, bytes(100 * large)) for service, large in services]
    groups = list(marker.groups(packets, 100))
    assert [each for each, count in groups for _ in range(count)] == [
        marker.of(each, fits=len(each) <= 100) for each in packets
    ]
    assert all(before != after for (before, _), (after, _) in pairwise(groups))
