"""ICMP errors as they are on the wire, and nothing for whatever is none."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, Packet
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from ikevpn.service.ike_port.icmp_errors import read

ROUTER, ROUTER6 = ip_address("192.0.2.254"), ip_address("2001:db8::fe")
US, THEM = "192.0.2.1", "203.0.113.2"


def quoting(inner: Packet, code: int, kind: int = 3) -> bytes:
    return bytes(ICMP(type=kind, code=code) / inner)


@pytest.mark.parametrize(
    ("code", "icmp", "meaning"),
    [
        (3, "port-unreachable", "nothing listens on UDP 500 there"),
        (1, "host-unreachable", "203.0.113.2 cannot be reached"),
        (0, "net-unreachable", "there is no route to 203.0.113.2"),
        (13, "admin-prohibited", "it is forbidden to send UDP 500 to 203.0.113.2"),
    ],
)
def test_each_kind_has_a_name_and_a_meaning(code: int, icmp: str, meaning: str) -> None:
    datagram = bytes(IP(src=US, dst=THEM, options=b"\x01\x01\x01\x01") / UDP(sport=500, dport=500) / b"cookies!")
    found = read(quoting(IP(datagram), code), ROUTER)
    assert found is not None
    assert (str(found.local), str(found.remote)) == (f"{US}:500", f"{THEM}:500")
    assert found.facts == {"router": "192.0.2.254", "icmp": icmp, "meaning": meaning}


@pytest.mark.parametrize(("code", "icmp"), [(0, "net-unreachable"), (1, "admin-prohibited"), (4, "port-unreachable")])
def test_the_same_over_ipv6(code: int, icmp: str) -> None:
    inner = IPv6(src="2001:db8::1", dst="2001:db8:1::2") / UDP(sport=500, dport=500)
    found = read(bytes(ICMPv6DestUnreach(code=code) / inner), ROUTER6)
    assert found is not None and found.icmp == icmp and str(found.remote) == "[2001:db8:1::2]:500"


def test_this_host_is_called_so() -> None:
    found = read(quoting(IP(src=US, dst=THEM) / UDP(sport=500, dport=500), 1), ip_address(US))
    assert found is not None and found.facts["router"] == "this host"


@pytest.mark.parametrize(
    "data",
    [
        quoting(IP(src=US, dst=THEM) / TCP(), 3),
        quoting(IP(src=US, dst=THEM) / UDP(), 4),
        quoting(IP(src=US, dst=THEM) / UDP(), 0, kind=11),
    ],
    ids=["tcp", "too-big", "time-exceeded"],
)
def test_what_is_none(data: bytes) -> None:
    assert read(data, ROUTER) is None


@given(st.binary(max_size=80), st.sampled_from([ROUTER, ROUTER6]))
def test_any_octets(data: bytes, router: object) -> None:
    read(data, router)  # type: ignore[arg-type]
    read(bytes([3 if router is ROUTER else 1, 3, 0, 0, 0, 0, 0, 0]) + data, router)  # type: ignore[arg-type]
