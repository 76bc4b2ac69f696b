"""Who has some of a range of addresses, against a search through all."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from ikevpn.model.address import AddressRange
from ikevpn.model.territory import Territory

_BASE = {4: int(ip_address("10.0.0.0")), 6: int(ip_address("2001:db8::"))}


@st.composite
def ranges(draw: st.DrawFn) -> AddressRange:
    version = draw(st.sampled_from([4, 6]))
    first, size = draw(st.integers(0, 300)), draw(st.sampled_from([1, 2, 3, 8, 16, 64, 256]))
    start = _BASE[version] + first
    kind = type(ip_address("::" if version == 6 else "0.0.0.0"))
    return draw(
        st.sampled_from([AddressRange(kind(start), kind(start + size - 1)), AddressRange.everything(version)])
        if draw(st.integers(0, 9)) == 0
        else st.just(AddressRange(kind(start), kind(start + size - 1)))
    )


@given(st.lists(st.tuples(ranges(), st.integers(0, 5)), max_size=30), st.lists(st.integers(0, 29)), ranges())
def test_it_finds_who_overlaps(entries: list[tuple[AddressRange, int]], gone: list[int], wanted: AddressRange) -> None:
    territory = Territory[int]()
    for addresses, owner in entries:
        territory.add(addresses, owner)
    left = [each for number, each in enumerate(entries) if number not in gone]
    for number in sorted(set(gone)):
        if number < len(entries):
            territory.remove(*entries[number])
    assert set(territory.overlapping(wanted)) == {owner for each, owner in left if each.overlaps(wanted)}
    for each in left:
        territory.remove(*each)
    assert not len(territory) and not list(territory.overlapping(wanted))
