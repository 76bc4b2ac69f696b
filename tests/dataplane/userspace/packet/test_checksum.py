import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.utils import checksum as scapy_checksum

from ikevpn.dataplane.userspace.packet import checksum
from tests.dataplane.traffic import tcp, udp, versions


def made(data: bytes) -> bytes:
    return checksum.complete(checksum.add(data)).to_bytes(2, "little")


@given(st.binary(min_size=1, max_size=200).filter(any))
def test_equals_scapy(data: bytes) -> None:
    assert made(data) == scapy_checksum(data).to_bytes(2, "big")


@given(st.lists(st.binary(min_size=12, max_size=12), min_size=1, max_size=20))
def test_rows_equal_single_packets(packets: list[bytes]) -> None:
    rows = np.frombuffer(b"".join(packets), np.uint8).reshape(-1, 12)
    assert checksum.add_rows(rows).tolist() == [checksum.add(packet) for packet in packets]


def test_the_largest_row_does_not_overflow() -> None:
    rows = np.full((1, 65_536), 0xFF, np.uint8)
    rows[0, 0] = 0xFE
    assert checksum.add_rows(rows).tolist() == [checksum.add(rows.tobytes())] == [0xFFFE]


@given(versions, st.binary(max_size=99))
def test_a_packet_with_its_pseudo_header_is_zero(version: int, data: bytes) -> None:
    header = 20 if version == 4 else 40
    for packet, protocol in ((tcp(version, data), 6), (udp(version, data), 17)):
        sum = checksum.pseudo_header(packet, protocol, len(packet) - header) + checksum.add(packet[header:])
        assert sum % checksum.ORDER == 0
        assert IP(packet).version == version
