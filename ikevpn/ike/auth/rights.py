"""Which tunnels a peer may use that has proved who it is: as they are configured now, whatever was so before.

Asked when a peer has proved itself, and again for every pair of networks that it wants.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.ike.auth import methods
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.directory import may_be
from ikevpn.ike.state.sa import IkeSa, Role
from ikevpn.model.address import Address
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Tunnel


def tunnels(core: Core, sa: IkeSa) -> list[Tunnel]:
    """What an established IKE SA is good for: its tunnels, less those that have changed so that it is no more."""
    return [each for each in expecting(core, sa) if proved(core, sa, each)]


def expecting(core: Core, sa: IkeSa) -> list[Tunnel]:
    """The candidates of an SA that expect a peer of this identity. One that names it excludes those for anybody."""
    assert sa.peer_id is not None
    if sa.callers is None:
        found = _accepting(core, sa, sa.candidates)
        return [each for each in found if each.remote_id is not None] or _nearest(found)
    own = [sa.tunnel] if sa.tunnel else []  # it may be for another address by now
    named = _accepting(core, sa, (*sa.callers.named(sa.peer_id), *own))
    named = [each for each in named if each.remote_id is not None]
    return named or _nearest(_accepting(core, sa, (*sa.callers.for_anybody(sa.peer_id), *own)))


def _nearest(found: list[Tunnel]) -> list[Tunnel]:
    """One that describes the peer excludes those for anybody."""
    return [each for each in found if each.remote_pattern is not None] or found


def _accepting(core: Core, sa: IkeSa, candidates: Iterable[Tunnel]) -> list[Tunnel]:
    """As they are configured now."""
    assert sa.peer_id is not None
    now = (core.tunnels.known(name) for name in dict.fromkeys(each.name for each in candidates))
    return [each for each in now if each is not None and _fits(sa, each) and accepts(each, sa, sa.peer_id)]


def proved(core: Core, sa: IkeSa, tunnel: Tunnel) -> bool:
    """Whether the credential that was used is the one that proves this identity under a tunnel."""
    assert sa.keys is not None and sa.peer_id is not None
    return methods.proves(core, sa.keys.credential, tunnel, _place(sa), sa.peer_id)


def accepts(tunnel: Tunnel, sa: IkeSa, identity: Identity) -> bool:
    """Whether an authenticated identity is the one that a tunnel expects.

    Without `remote_id` that is the peer's address; a peer behind a NAT cannot know it and names its inner one.
    """
    if tunnel.remote_id is not None:
        return tunnel.remote_id.matches(identity)
    if tunnel.remote_pattern is not None:
        return tunnel.remote_pattern.accepts(identity)
    if tunnel.any_remote or tunnel.any_remote_id or identity.matches(Identity.of_address(_place(sa))):
        return True
    return sa.nat.peer_is_behind and identity.is_address


def _fits(sa: IkeSa, tunnel: Tunnel) -> bool:
    """Whether phase 1 could be negotiated so under this tunnel. The peer of the SA's own may have moved since."""
    assert sa.tunnel is not None
    if sa.proposal not in tunnel.ike_proposals or tunnel.mode is not sa.tunnel.mode:
        return False
    return sa.role is Role.INITIATOR or tunnel.name == sa.name or may_be(tunnel, sa.local.address, _place(sa))


def _place(sa: IkeSa) -> Address:
    """Where the peer was when it proved itself; a peer that has moved since is not judged by its new address."""
    return sa.proved_from or sa.remote.address
