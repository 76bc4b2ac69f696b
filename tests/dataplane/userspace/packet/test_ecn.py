"""Every cell of RFC 6040's table, and one packet against many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from ikevpn.dataplane.userspace.packet import ecn
from tests.dataplane.traffic import checked, tcp, versions

NOT_ECT, ECT_1, ECT_0, CE = range(4)
# RFC 6040 figure 4: a row for the mark inside, columns Not-ECT, ECT(0), ECT(1), CE outside.
OUTSIDE = (NOT_ECT, ECT_0, ECT_1, CE)
TABLE: dict[int, tuple[int | None, ...]] = {
    NOT_ECT: (NOT_ECT, NOT_ECT, NOT_ECT, None),
    ECT_0: (ECT_0, ECT_0, ECT_1, CE),
    ECT_1: (ECT_1, ECT_1, ECT_1, CE),
    CE: (CE, CE, CE, CE),
}
CELLS = [
    (inside, outside, expected) for inside, row in TABLE.items() for outside, expected in zip(OUTSIDE, row, strict=True)
]


def packet(version: int, service: int, data: bytes = b"data", **ip: object) -> bytes:
    """A packet with all eight bits of the class of service."""
    return tcp(version, data, **{"tos" if version == 4 else "tc": service}, **ip)


def service_of(data: bytes) -> int:
    parsed: Packet = IP(data) if data[0] >> 4 == 4 else IPv6(data)
    return int(parsed.tos if data[0] >> 4 == 4 else parsed.tc)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("inside", "outside", "expected"), CELLS)
@given(dscp=st.integers(0, 63), data=st.binary(max_size=20), label=st.integers(0, 2**20 - 1))
def test_every_cell(version: int, inside: int, outside: int, expected: int | None, dscp: int, data: bytes, label: int):
    flow = {"fl": label} if version == 6 else {"id": label % 2**16}
    combined = ecn.combine(packet(version, dscp << 2 | inside, data, **flow), outside)
    assert combined == (None if expected is None else packet(version, dscp << 2 | expected, data, **flow))
    assert ecn.matters(outside) == any(row[OUTSIDE.index(outside)] != mark for mark, row in TABLE.items())


@given(version=versions, outside=st.integers(0, 3), services=st.lists(st.integers(0, 255), min_size=1, max_size=12))
def test_rows_become_what_packets_become(version: int, outside: int, services: list[int]):
    packets = [
        packet(version, service, id=n) if version == 4 else packet(version, service)
        for n, service in enumerate(services)
    ]
    rows = np.frombuffer(b"".join(packets), np.uint8).reshape(len(packets), -1).copy()
    combined = [ecn.combine(each, outside) for each in packets]
    if ecn.combine_rows(rows, outside):
        assert [row.tobytes() for row in rows] == combined
    else:
        assert None in combined
        assert [row.tobytes() for row in rows] == packets


@given(version=versions, service=st.integers(0, 255), outside=st.integers(0, 3))
def test_checksums_stay_right(version: int, service: int, outside: int):
    combined = ecn.combine(packet(version, service), outside)
    if combined is not None:
        assert combined == checked(combined)
        assert service_of(combined) >> 2 == service >> 2
