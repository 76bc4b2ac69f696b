"""Compiled selectors say what the selectors of the model say, and remember without mixing up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.packet import selection
from ikevpn.esp.packet.inner import Flow, read_flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction
from ikevpn.model.selector import Selector
from tests.esp import samples
from tests.esp.samples import TCP, UDP, ipv4, ipv6, ports

OFFICE = Selector(AddressRange.of("10.2.2.0/24"), AddressRange.of("10.1.1.1-10.1.1.9"), TCP, 80, 0)

small = st.integers(0, 3)
addresses = st.builds(lambda n: f"10.0.0.{n}", small)


@st.composite
def ranges(draw: st.DrawFn) -> AddressRange:
    first, last = sorted((draw(small), draw(small)))
    return AddressRange.of(f"10.0.0.{first}-10.0.0.{last}")


selectors = st.builds(Selector, ranges(), ranges(), st.sampled_from([0, TCP, UDP]), small, small)


@given(st.lists(selectors, max_size=3), addresses, addresses, st.sampled_from([TCP, UDP]), small, small)
def test_equals_the_model(
    rows: list[Selector], source: str, target: str, protocol: int, source_port: int, target_port: int
) -> None:
    flow = Flow(
        4,
        AddressRange.of(source).first.packed,
        AddressRange.of(target).first.packed,
        protocol,
        source_port,
        target_port,
    )
    seen = (AddressRange.of(source).first, AddressRange.of(target).first, protocol, source_port, target_port)
    assert Selection(rows, Direction.OUT).admits(flow) == any(row.matches(*seen) for row in rows)
    assert Selection(rows, Direction.IN).admits(flow) == any(row.reversed().matches(*seen) for row in rows)


@pytest.mark.parametrize(
    ("packet", "admitted"),
    [
        (ipv4(ports(5555, 80), protocol=TCP), True),
        (ipv4(ports(5555, 81), protocol=TCP), False),
        (ipv4(ports(80, 5555), protocol=TCP), False),
        (ipv4(ports(5555, 80), protocol=UDP), False),
        (ipv4(ports(5555, 80), protocol=TCP, source="10.1.1.10"), False),
        (ipv4(ports(5555, 80), protocol=TCP, target="10.2.3.0"), False),
        (ipv4(ports(5555, 80), protocol=TCP, options=bytes([1, 1, 1, 0])), True),
        (ipv4(ports(5555, 81), protocol=TCP, options=bytes([1, 1, 1, 0])), False),
        (ipv4(ports(5555, 81), protocol=TCP, fragment=0x2000), False),
        (ipv4(ports(5555, 81), protocol=TCP, fragment=0x2010), True),
        (ipv4(ports(5555, 81), protocol=UDP, fragment=0x2010), False),
        (ipv4(bytes(8), protocol=samples.ICMP), False),
        (ipv6(ports(5555, 80), protocol=TCP), False),
    ],
)
def test_inbound_judgement(packet: bytes, admitted: bool) -> None:
    judge = Selection([OFFICE], Direction.IN)
    assert [judge.judge(packet), judge.judge(packet)] == [admitted, admitted]


def test_broken_headers_are_no_answer() -> None:
    assert Selection([OFFICE], Direction.IN).judge(ipv4(b"\0\1", protocol=TCP)) is None


def test_no_selector_admits_nothing() -> None:
    assert Selection([], Direction.IN).judge(ipv4(ports(1, 2))) is False


def test_everything_is_of_one_family() -> None:
    judge = Selection([samples.ANY_IPV4], Direction.IN)
    assert judge.judge(ipv4(ports(1, 2))) is True
    assert judge.judge(ipv6(ports(1, 2))) is False


PORT_80 = Selector(AddressRange.everything(4), AddressRange.everything(4), UDP, 0, 80)
PORT_80_IPV6 = Selector(AddressRange.everything(6), AddressRange.everything(6), UDP, 0, 80)


def test_a_later_fragment_does_not_speak_for_whole_packets() -> None:
    """Its first octets may look like ports; what was said of it must not be remembered for those."""
    judge = Selection([PORT_80], Direction.OUT)
    assert judge.judge(ipv4(ports(1, 81), fragment=0x2010)) is True
    assert judge.judge(ipv4(ports(1, 81))) is False


def test_an_extension_header_does_not_speak_for_ports() -> None:
    judge = Selection([PORT_80_IPV6], Direction.OUT)
    options = bytes([UDP, 0]) + bytes(6)
    assert judge.judge(ipv6(options + ports(1, 80), protocol=60)) is True
    assert judge.judge(ipv6(options + ports(1, 81), protocol=60)) is False


def test_ipv4_with_options_does_not_pass_for_ipv6() -> None:
    """The octets by which an admitted IPv6 packet is remembered, made into an IPv4 header with 40 octets of options."""
    judge = Selection([samples.ANY_IPV6], Direction.IN)
    six = ipv6(ports(1, 2, bytes(40)))
    assert judge.judge(six) is True
    four = b"\x4f\0" + len(six).to_bytes(2, "big") + six[4:]
    assert read_flow(four) is not None
    assert judge.judge(four) is False


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_MOST_REMEMBERED", 10)
    judge = Selection([OFFICE], Direction.IN)
    for port in range(100):
        assert judge.judge(ipv4(ports(port, 80), protocol=TCP)) is True
        assert len(judge._remembered) <= 10
