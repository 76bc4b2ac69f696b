"""Which peers lose what they have when the configuration changes: those whose key is taken away or replaced, and those
whose networks are given to a tunnel with a named peer.

A negotiation that is under way is asked for the key again when the peer proves itself (`rights`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ikevpn.ike import association
from ikevpn.ike.auth import methods, rights
from ikevpn.ike.phase1 import common
from ikevpn.ike.phase2 import ending
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.keyring import Keyring
from ikevpn.ike.state.sa import Child, IkeSa, IkeState, Role
from ikevpn.model.address import AddressRange
from ikevpn.model.events.event import Reason
from ikevpn.model.tunnel import SharedSecret


def replace_secrets(core: Core, secrets: Sequence[SharedSecret]) -> None:
    """From now on these are the keys; what rests on others ends, and the peer is told. The same ones concern nobody."""
    if core.keyring.entries == tuple(secrets):
        return
    core.keyring = Keyring(secrets)
    for child in [each for each in core.children.values() if _is_orphaned(core, each)]:
        ending.delete_child(core, child, Reason.CONFIGURATION_CHANGED)
    for sa in [each for each in core.ike_sas.values() if _is_revoked(core, each)]:
        association.end(core, sa, Reason.CONFIGURATION_CHANGED, with_children=False, tell=True)


def reserve(core: Core, networks: Mapping[str, Collection[AddressRange]]) -> None:
    """From now on these belong to tunnels with a named peer: whoever else has some of what is new loses it."""
    for each in core.claims.reserve(networks):
        for child in list(core.held.overlapping(each)):
            if child.serial in core.children and core.claims.on(child.selector.remote) is not None:
                ending.delete_child(core, child, Reason.NETWORK_CLAIMED)


def _is_orphaned(core: Core, child: Child) -> bool:
    """Whether the key that a pair rests on is not its peer's any more."""
    if child.peer_id is None or child.proved_from is None:
        return False
    return not methods.proves(core, child.peer.credential, child.tunnel, child.proved_from, child.peer_id)


def _is_revoked(core: Core, sa: IkeSa) -> bool:
    """Whether an IKE SA has keys that the peer could not prove itself with now."""
    if sa.keys is None or sa.tunnel is None:
        return False
    if sa.state is IkeState.ESTABLISHED:
        return not rights.proved(core, sa, sa.tunnel)
    if sa.role is Role.RESPONDER:
        return False
    remote = sa.remote.address
    identity = common.expected_identity(sa.tunnel, remote)
    return not methods.proves(core, sa.keys.credential, sa.tunnel, remote, identity)
