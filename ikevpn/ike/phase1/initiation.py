"""How a phase 1 of ours begins: towards which ports, with which offer, and beside which older IKE SA."""

from __future__ import annotations

from ikevpn.ike.auth import methods
from ikevpn.ike.phase1 import common
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.runner import settle
from ikevpn.ike.state import state_changes
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import ZERO_COOKIE, IkeSa, Role
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.registry import ExchangeType

_EXCHANGES = {Phase1Mode.MAIN: ExchangeType.MAIN, Phase1Mode.AGGRESSIVE: ExchangeType.AGGRESSIVE}


def start(
    core: Core, tunnel: Tunnel, local: Endpoint, remote: Endpoint, natt: bool = False, group_index: int = 0
) -> IkeSa:
    """Begin main or aggressive mode with a peer; `natt`: at once on port 4500."""
    sa = IkeSa(core.serial(), Role.INITIATOR, core.cookie(), ZERO_COOKIE, local, remote, core.now, tunnel, (tunnel,))
    sa.natt = natt
    core.add_ike_sa(sa)
    offered = tuple(map(str, common.offered_in_attempt(tunnel, group_index)))
    core.report(Code.PHASE1_STARTED, sa, mode=str(tunnel.mode), offered=offered)
    expected = common.expected_identity(tunnel, remote.address)
    if (method := methods.lacking(core, tunnel, remote.address, expected)) is not None:
        core.forget_ike_sa(sa)
        state_changes.phase1_failed(core, sa, method.missing, remote=str(remote.address))
        return sa
    settle.start_phase1(core, sa, core.scripts[_EXCHANGES[tunnel.mode]], Phase1(group_index=group_index))
    return sa


def renew(core: Core, sa: IkeSa) -> None:
    """Phase 1 again beside the old SA, which is retired when the new one is up. Children stay."""
    if sa.name in core.tunnels and sa.name not in core.initiating:
        tunnel = core.tunnels[sa.name]
        mapped = sa.natt and sa.nat.peer_is_behind
        start(core, tunnel, *begins_at(core, tunnel, sa.local, sa.remote, mapped=mapped))


def begins_at(
    core: Core, tunnel: Tunnel, local: Endpoint, remote: Endpoint, *, mapped: bool = False
) -> tuple[Endpoint, Endpoint, bool]:
    """A new phase 1 begins on the IKE ports, but towards a peer behind a NAT where its mapping is (RFC 3947 §4), and
    on the NAT-T ports where the peer has no other.
    """
    if mapped:
        return local, remote, True
    natt = tunnel.remote_ike_port == tunnel.remote_natt_port
    port = core.settings.natt_port if natt else core.settings.ike_port
    return local.at(port), remote.at(tunnel.remote_ike_port), natt
