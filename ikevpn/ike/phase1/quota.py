"""How many peers may be connected: in all, from one address, for one tunnel.

A secret that many know lets one of them call itself by any number of names, and each SA lives for hours.
"""

from __future__ import annotations

from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state.core import Core, Standing
from ikevpn.ike.state.half_open import source_of
from ikevpn.ike.state.sa import IkeSa, Role
from ikevpn.model.events.event import Fact, Reason
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.registry import NotifyType


def check(core: Core, sa: IkeSa, tunnel: Tunnel) -> None:
    """Whether a peer that has just authenticated itself may have an IKE SA with us. Raises Rejected.

    One that has one already renews it, and takes no other place. Whom we call we have room for.
    """
    if sa.role is Role.INITIATOR or sa.first_from is None or core.established.of(*sa.peers[:1]):
        return
    settings, source = core.settings, sa.first_from.address
    limits: tuple[tuple[Standing, str, int, str], ...] = (
        (None, "this host", settings.max_established, "max_established"),
        (source_of(source), f"the address {source}", settings.max_established_per_source, "max_established_per_source"),
        (tunnel.name, f"tunnel {tunnel.name}", tunnel.max_peers, "max_peers"),
    )
    for group, place, most, key in limits:
        if core.standing[group] >= most:
            peers = "1 peer" if most == 1 else f"{most} peers"
            who = f"{sa.peer_id}, which has authenticated itself, is one more"
            detail = f"{place} has {peers} already (`{key}` allows more), and {who}"
            facts: dict[str, Fact] = {"detail": detail, "key": key}
            raise Rejected(detail, NotifyType.AUTHENTICATION_FAILED, Reason.LIMIT, facts)


def surplus(core: Core, sa: IkeSa) -> IkeSa | None:
    """The oldest IKE SA with a peer that has more of them than renewals and collisions explain."""
    same = core.siblings(sa)
    if len(same) < core.settings.max_ike_sas_per_peer:
        return None
    return min(same, key=lambda each: (not each.superseded, each.established))
