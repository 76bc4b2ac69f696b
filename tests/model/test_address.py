"""Ranges of addresses that meet."""

from __future__ import annotations

import pytest

from ikevpn.model.address import AddressRange


@pytest.mark.parametrize(
    ("one", "two", "met"),
    [
        ("10.1.0.0/16", "10.1.7.0/24", True),
        ("10.1.0.0-10.1.0.9", "10.1.0.9-10.1.0.20", True),
        ("10.1.0.0-10.1.0.9", "10.1.0.10-10.1.0.20", False),
        ("10.1.0.7", "10.1.0.7", True),
        ("0.0.0.0/0", "::/0", False),
        ("2001:db8::/32", "2001:db8:1::1", True),
    ],
)
def test_overlap(one: str, two: str, met: bool) -> None:
    assert AddressRange.of(one).overlaps(AddressRange.of(two)) is met
    assert AddressRange.of(two).overlaps(AddressRange.of(one)) is met
