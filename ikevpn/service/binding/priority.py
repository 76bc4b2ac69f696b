"""Which of two policies is looked at first: the more exact one. Pure arithmetic."""

from __future__ import annotations

from ikevpn.model.address import AddressRange
from ikevpn.model.selector import Selector

_BITS = {4: 32, 6: 128}


def priority(selector: Selector, *, made_for_a_peer: bool = False) -> int:
    """By the number of bits that a selector fixes; higher is more exact and is looked up first.

    Of two that are equal the one that was made for a peer, and so has SAs, comes before the configured one.
    """
    services = 8 * bool(selector.protocol) + 16 * bool(selector.local_port) + 16 * bool(selector.remote_port)
    return 2 * (_fixed(selector.local) + _fixed(selector.remote) + services) + made_for_a_peer


def _fixed(addresses: AddressRange) -> int:
    """The length of the prefix, for ranges that are none the one of the next smaller network."""
    size = int(addresses.last) - int(addresses.first) + 1
    return _BITS[addresses.version] - (size.bit_length() - 1)
