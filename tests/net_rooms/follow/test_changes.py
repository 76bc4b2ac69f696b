"""Reading the kernel's messages: kinds only, whatever the octets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.net.follow.changes import Kind, _read_kinds


def message(number: int, size: int = 20) -> bytes:
    return struct.pack("=IHHII", size, number, 0, 0, 0) + bytes(-16 % 4 + size - 16 + (-size % 4))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (16, Kind.LINK),
        (17, Kind.LINK),
        (20, Kind.ADDRESS),
        (24, Kind.ROUTE),
        (25, Kind.ROUTE),
        (105, Kind.ROUTE),
        (0xA02, Kind.TABLE),
    ],
)
def test_kinds(number: int, kind: Kind) -> None:
    assert list(_read_kinds(message(number))) == [kind]


@pytest.mark.parametrize(
    ("number", "protocol", "port", "kinds"),
    [
        (24, 50, 9, []),
        (25, 50, 9, [Kind.OURS]),
        (25, 50, 7, []),
        (25, 4, 9, [Kind.ROUTE]),
        (32, 0, 9, [Kind.RULE]),
        (32, 0, 7, []),
        (33, 0, 9, [Kind.RULE, Kind.OURS]),
        (33, 0, 7, []),
    ],
)
def test_routes_and_rules_by_who_has_changed_them(number: int, protocol: int, port: int, kinds: list[Kind]) -> None:
    """What the socket with port 7, our own, has changed is no news; nor what another ikevpn sets up."""
    data = struct.pack("=IHHII", 28, number, 0, 0, port) + bytes([0, 0, 0, 0, 0, protocol]) + bytes(6)
    assert list(_read_kinds(data, own_port=7)) == kinds


def test_several_messages_in_one_datagram() -> None:
    data = message(16, 33) + message(99) + message(20)
    assert list(_read_kinds(data)) == [Kind.LINK, Kind.ADDRESS]


@given(st.binary(max_size=100))
def test_any_octets_end(data: bytes) -> None:
    assert len(list(_read_kinds(data))) <= len(data)
