"""Which peers lose what they have when the pre-shared keys change: those whose key is taken away or replaced.

A peer that moved since it proved itself is not judged by its new address, unless nobody has its key any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.ike import negotiation
from ikevpn.ike.core import Core
from ikevpn.ike.sa import Child, IkeSa
from ikevpn.model.events import Reason
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import SharedSecret


def replace_secrets(core: Core, secrets: Sequence[SharedSecret]) -> None:
    """From now on these are the keys; what rests on others ends, and the peer is told."""
    sas, orphans = _by_shared_secret(core)
    sas_before = {sa.serial: _secrets_of(core, sa) for sa in sas}
    orphans_before = {child.serial: _secrets_of(core, child) for child in orphans}
    core.secrets = tuple(secrets)
    revoked = [sa for sa in sas if _is_revoked(core, sa, sas_before[sa.serial])]
    for sa in revoked:
        if all(each in revoked for each in core.siblings(sa)):
            for child in core.children_with(sa):
                negotiation.delete_child(core, child, Reason.CONFIGURATION_CHANGED)
        negotiation.end(core, sa, Reason.CONFIGURATION_CHANGED, with_children=False, tell=True)
    for child in orphans:
        if _secrets_of(core, child) != orphans_before[child.serial]:
            negotiation.delete_child(core, child, Reason.CONFIGURATION_CHANGED)


def _by_shared_secret(core: Core) -> tuple[list[IkeSa], list[Child]]:
    """IKE SAs whose tunnel has no key of its own, and pairs of such tunnels that have outlived their IKE SA."""
    sas = [sa for sa in core.ike_sas.values() if sa.keys and sa.tunnel and sa.tunnel.psk is None]
    children = core.children.values()
    return sas, [each for each in children if each.tunnel.psk is None and core.ike_sa_with(each.peer) is None]


def _secrets_of(core: Core, owner: IkeSa | Child) -> list[Secret]:
    return core.secrets_for(owner.tunnel, owner.remote.address, owner.peer_id) if owner.tunnel else []


def _is_revoked(core: Core, sa: IkeSa, before: list[Secret]) -> bool:
    assert sa.keys is not None
    used = sa.keys.secret
    gone = used in before and used not in _secrets_of(core, sa)
    return gone or all(each.secret != used for each in core.secrets)
