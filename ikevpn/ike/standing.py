"""What a tunnel has already: the pairs that are up, and the IKE SA under which more of them can be negotiated."""

from __future__ import annotations

from ikevpn.ike.core import Core
from ikevpn.ike.sa import IkeSa, IkeState
from ikevpn.model.address import Endpoint
from ikevpn.model.tunnel import Tunnel


def is_up(core: Core, tunnel: Tunnel, reqid: int) -> bool:
    """Whether a child of this tunnel has a pair in use."""
    return any(
        each.reqid == reqid and each.tunnel.name == tunnel.name and each.outbound and not each.superseded
        for each in core.children.values()
    )


def sa_towards(core: Core, tunnel: Tunnel, remote: Endpoint) -> IkeSa | None:
    """An IKE SA of this tunnel with the peer at that address, established or under way."""
    found = [
        sa
        for sa in core.ike_sas.values()
        if sa.name == tunnel.name
        and sa.state is IkeState.ESTABLISHED
        and not sa.superseded
        and (not tunnel.any_remote or sa.remote.address == remote.address)
    ]
    return max(found, key=lambda sa: sa.established, default=core.initiating.get(tunnel.name))
