from __future__ import annotations

import pytest

from ikevpn.errors import UsageError
from ikevpn.wire.octets.writer import pack, with_generic
from ikevpn.wire.registry import PayloadType


def test_numbers_are_big_endian() -> None:
    assert pack("BxHI", 1, 2, 3) == bytes.fromhex("0100000200000003")


@pytest.mark.parametrize(("layout", "number"), [("B", 256), ("B", -1), ("H", 1 << 16), ("I", 1 << 32)])
def test_a_number_that_does_not_fit_is_our_mistake(layout: str, number: int) -> None:
    with pytest.raises(UsageError):
        pack(layout, number)


def test_the_generic_header_counts_itself() -> None:
    assert with_generic(PayloadType.NONCE, b"abc") == b"\x0a\x00\x00\x07abc"
