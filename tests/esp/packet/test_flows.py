from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.packet.flows import starts
from ikevpn.esp.packet.inner import packet_size, plain_key
from tests.esp.samples import TCP, ipv4, ipv6, ports


def found(*packets: bytes) -> list[int]:
    return starts(np.frombuffer(b"".join(packets), np.uint8).reshape(len(packets), -1))


@pytest.mark.parametrize("ip", [ipv4, ipv6])
def test_one_flow_has_one_start(ip: object) -> None:
    assert found(*(ip(ports(1, 2, bytes([n]) * 20)) for n in range(5))) == [0]  # type: ignore[operator]


@pytest.mark.parametrize("ip", [ipv4, ipv6])
def test_flows_that_change(ip: object) -> None:
    one, two = ip(ports(1, 2)), ip(ports(1, 3))  # type: ignore[operator]
    assert found(one, one, two, two, one) == [0, 2, 4]
    assert found(one, ip(ports(1, 2), protocol=TCP)) == [0, 1]  # type: ignore[operator]


def test_packets_without_a_flow_are_each_on_their_own() -> None:
    assert found(b"\x99" * 40, b"\x99" * 40) == [0, 1]
    assert found(b"\x45" * 20, b"\x45" * 20) == [0, 1]


@given(st.lists(st.binary(min_size=44, max_size=44), min_size=1, max_size=6), st.sampled_from([0x45, 0x60, 0x46, 0]))
def test_between_starts_all_say_the_same(packets: list[bytes], first: int) -> None:
    packets = [bytes([first]) + packet[1:] for packet in packets]
    packets = [packets[0], packets[0][:40] + bytes(4), *packets]
    begins = {*found(*packets)}
    for index in range(1, len(packets)):
        if index not in begins:
            for say in (packet_size, plain_key):
                assert say(packets[index]) == say(packets[index - 1])
