"""What a tunnel has already: the pairs that are up, its IKE SAs, and the one under which more can be negotiated."""

from __future__ import annotations

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa
from ikevpn.model.address import Endpoint
from ikevpn.model.tunnel import Tunnel


def is_up(core: Core, tunnel: Tunnel, reqid: int) -> bool:
    """Whether a child of this tunnel has a pair in use."""
    return any(
        each.reqid == reqid and each.outbound and not each.superseded for each in core.children_for.of(tunnel.name)
    )


def ike_sas(core: Core, tunnel: str) -> list[IkeSa]:
    """The established IKE SAs of a tunnel, without those of others that it may use as well."""
    return [sa for sa in core.established_for.of(tunnel) if sa.name == tunnel]


def under_way(core: Core, tunnel: str) -> list[IkeSa]:
    """The IKE SAs that are being negotiated for it, as far as is known for which tunnel that is."""
    ours = core.initiating.get(tunnel)
    return [*([ours] if ours else []), *core.half_open_for.of(tunnel)]


def sa_towards(core: Core, tunnel: Tunnel, remote: Endpoint) -> IkeSa | None:
    """An IKE SA of this tunnel with the peer at that address, established or under way."""
    found = [
        sa
        for sa in ike_sas(core, tunnel.name)
        if not sa.superseded and (not tunnel.any_remote or sa.remote.address == remote.address)
    ]
    return max(found, key=lambda sa: sa.established, default=core.initiating.get(tunnel.name))
