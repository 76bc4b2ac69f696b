"""More exact selectors come first; of equal ones that of a peer with SAs."""

from __future__ import annotations

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector
from ikevpn.service.binding.priority import priority

WIDE = Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of("10.2.0.0/16"))
NARROW = Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of("10.2.3.0/24"))


def test_the_more_exact_selector_comes_first() -> None:
    assert priority(NARROW) > priority(WIDE)
    assert priority(Selector(WIDE.local, WIDE.remote, protocol=17)) > priority(WIDE)


def test_of_equal_ones_the_one_made_for_a_peer_comes_first() -> None:
    """The configured one has no SA where the peer may be anywhere: its packets would be held for nothing."""
    assert priority(WIDE, made_for_a_peer=True) > priority(WIDE)
    assert priority(NARROW) > priority(WIDE, made_for_a_peer=True)
