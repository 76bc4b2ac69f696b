"""Which networks a peer that may be anywhere contributes to our routes: what its SAs name, within bounds.

The engine has made sure that they lie in the tunnel's `remote_networks`. Where these are everything, or wide, a peer
could name half of the Internet or the network that this host stands in, and take over its way out. So nothing is routed
to it that is wider than `WIDEST`, or in which this host or one of its routers has an address. Its policies stand all
the same: what it sends is accepted as negotiated.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.model.address import Address, Network

WIDEST = {4: 8, 6: 16}
"""The shortest prefix by version of IP."""


def refusal(network: Network, here: Iterable[Address]) -> str:
    """Why a network is not routed to the peer that names it, or nothing where it is. `here`: us and our routers."""
    if network.prefixlen < WIDEST[network.version]:
        return f"it is wider than /{WIDEST[network.version]}"
    taken = [address for address in here if address.version == network.version and address in network]
    return f"{min(taken, key=int)}, an address of this host or of its router, is in it" if taken else ""
