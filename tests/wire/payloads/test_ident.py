from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads import ident
from ikevpn.wire.payloads.ident import Identification
from ikevpn.wire.registry import IdType

RANGES = st.one_of(
    st.lists(st.ip_addresses(v=4), min_size=2, max_size=2).map(sorted),
    st.lists(st.ip_addresses(v=6), min_size=2, max_size=2).map(sorted),
)


def test_the_identification_of_a_real_gateway() -> None:
    data = bytes.fromhex("011101f43e0369fb")
    found = Identification.read(Reader(data))
    assert found == Identification(IdType.IPV4_ADDRESS, 17, 500, ip_address("62.3.105.251").packed)
    assert found.write() == data


@pytest.mark.parametrize("size", range(4))
def test_cut_off(size: int) -> None:
    with pytest.raises(Malformed):
        Identification.read(Reader(bytes(size)))


@pytest.mark.parametrize(
    ("id_type", "data", "first", "last"),
    [
        (IdType.IPV4_ADDRESS, "0a000001", "10.0.0.1", "10.0.0.1"),
        (IdType.IPV4_SUBNET, "0a010000ffff0000", "10.1.0.0", "10.1.255.255"),
        (IdType.IPV4_SUBNET, "0a010005ffff0000", "10.1.0.0", "10.1.255.255"),
        (IdType.IPV4_SUBNET, "0000000000000000", "0.0.0.0", "255.255.255.255"),
        (IdType.IPV4_SUBNET, "0a010005ffffffff", "10.1.0.5", "10.1.0.5"),
        (IdType.IPV4_RANGE, "0a0000010a000009", "10.0.0.1", "10.0.0.9"),
        (IdType.IPV6_ADDRESS, "20010db8" + "00" * 11 + "01", "2001:db8::1", "2001:db8::1"),
        (
            IdType.IPV6_SUBNET,
            "20010db8" + "00" * 12 + "ffffffff" + "00" * 12,
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        ),
        (IdType.IPV6_SUBNET, "00" * 32, "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        (IdType.IPV6_RANGE, "20010db8" + "00" * 12 + "20010db8" + "00" * 11 + "07", "2001:db8::", "2001:db8::7"),
    ],
)
def test_to_range(id_type: IdType, data: str, first: str, last: str) -> None:
    found = ident.to_range(Identification(id_type, 0, 0, bytes.fromhex(data)))
    assert found == (ip_address(first), ip_address(last))


@pytest.mark.parametrize(
    ("id_type", "data", "why"),
    [
        (IdType.IPV4_ADDRESS, "0a0000", "with 3 octets"),
        (IdType.IPV4_ADDRESS, "0a00000100", "with 5 octets"),
        (IdType.IPV4_SUBNET, "0a000001", "with 4 octets"),
        (IdType.IPV4_SUBNET, "0a000000ff00ff00", "has gaps"),
        (IdType.IPV4_SUBNET, "0a00000000ffffff", "has gaps"),
        (IdType.IPV4_RANGE, "0a0000090a000001", "from 10.0.0.9 down to 10.0.0.1"),
        (IdType.IPV6_ADDRESS, "0a000001", "with 4 octets"),
        (IdType.IPV6_SUBNET, "00" * 31 + "01", "has gaps"),
        (IdType.IPV6_RANGE, "00" * 15 + "01" + "00" * 16, "down to"),
        (IdType.FQDN, "6162", "fqdn .2. names no addresses"),
        (IdType(77), "", "names no addresses"),
    ],
)
def test_what_is_no_range(id_type: IdType, data: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        ident.to_range(Identification(id_type, 0, 0, bytes.fromhex(data)))


@given(RANGES, st.integers(0, 255), st.integers(0, 65535))
def test_of_range_and_back(pair: list[IPv4Address | IPv6Address], protocol: int, port: int) -> None:
    value = ident.of_range(pair[0], pair[1], protocol, port)
    assert ident.to_range(value) == tuple(pair)
    assert (value.protocol, value.port) == (protocol, port)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.data())
def test_a_network_becomes_a_subnet(address: IPv4Address | IPv6Address, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen - 1))
    network = ip_network((address, prefix), strict=False)
    value = ident.of_range(network[0], network[-1])
    assert value.id_type in {IdType.IPV4_SUBNET, IdType.IPV6_SUBNET}
    assert value.data == network.network_address.packed + network.netmask.packed


@pytest.mark.parametrize(
    ("first", "last", "id_type"),
    [
        ("10.0.0.1", "10.0.0.1", IdType.IPV4_ADDRESS),
        ("10.0.0.0", "10.0.0.1", IdType.IPV4_SUBNET),
        ("10.0.0.1", "10.0.0.2", IdType.IPV4_RANGE),
        ("10.0.0.1", "10.0.0.3", IdType.IPV4_RANGE),
        ("0.0.0.0", "255.255.255.255", IdType.IPV4_SUBNET),
        ("2001:db8::1", "2001:db8::1", IdType.IPV6_ADDRESS),
        ("2001:db8::2", "2001:db8::5", IdType.IPV6_RANGE),
    ],
)
def test_the_shortest_form(first: str, last: str, id_type: IdType) -> None:
    assert ident.of_range(ip_address(first), ip_address(last)).id_type == id_type


@pytest.mark.parametrize(("first", "last"), [("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "2001:db8::1")])
def test_our_own_mistakes(first: str, last: str) -> None:
    with pytest.raises(UsageError):
        ident.of_range(ip_address(first), ip_address(last))


@given(st.integers(0, 12).map(IdType), st.binary(max_size=36))
def test_any_identification_is_a_range_or_malformed(id_type: IdType, data: bytes) -> None:
    try:
        first, last = ident.to_range(Identification(id_type, 0, 0, data))
    except Malformed:
        return
    assert first <= last  # type: ignore[operator]
