"""The more exact selector is looked up first."""

from __future__ import annotations

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.service.priority import priority


def selector(local: str, remote: str, *service: int) -> Selector:
    return Selector(AddressRange.of(local), AddressRange.of(remote), *service)


def test_exact_before_wide() -> None:
    ordered = [
        selector("0.0.0.0/0", "0.0.0.0/0"),
        selector("0.0.0.0/0", "10.0.0.0/8"),
        selector("10.1.1.0/24", "10.0.0.0/8"),
        selector("10.1.1.0/24", "10.2.2.0/24"),
        selector("10.1.1.0/24", "10.2.2.0/24", 6),
        selector("10.1.1.0/24", "10.2.2.0/24", 6, 0, 443),
        selector("10.1.1.1", "10.2.2.2", 6, 0, 443),
    ]
    assert sorted(ordered, key=priority) == ordered
    assert len({priority(each) for each in ordered}) == len(ordered)


def test_a_range_counts_as_the_network_around_it() -> None:
    assert priority(selector("10.1.1.5-10.1.1.9", "10.2.2.0/24")) == priority(selector("10.1.1.4/30", "10.2.2.0/24"))
    assert priority(selector("2001:db8::/32", "2001:db9::/32")) == 64
