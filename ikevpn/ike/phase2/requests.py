"""Quick modes that we want: how they begin, at once or when phase 1 is done, and how a pair is renewed by one."""

from __future__ import annotations

from ikevpn.ike.phase1 import initiation
from ikevpn.ike.phase2.quick_state import Quick
from ikevpn.ike.runner import settle
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, ChildRequest, Exchange, IkeSa, IkeState, Role
from ikevpn.ike.upkeep import lifetime
from ikevpn.model.tunnel import Child as ChildConfiguration
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.registry import ExchangeType


def wanted(tunnel: Tunnel, child: ChildConfiguration) -> ChildRequest:
    return ChildRequest(tunnel, child.name, child.reqid, child.selector)


def start(core: Core, sa: IkeSa, request: ChildRequest) -> None:
    """Begin a quick mode, or let it wait until phase 1 is done; one that is under way already is not begun twice."""
    if any(each.reqid == request.reqid for each in (*sa.waiting, *ours(sa))):
        return
    if sa.state is not IkeState.ESTABLISHED:
        sa.waiting.append(request)
        return
    tunnel = core.tunnels.get(request.tunnel.name, request.tunnel)
    settle.start(core, sa, core.scripts[ExchangeType.QUICK], Quick(tunnel=tunnel, request=request))


def start_waiting(core: Core, sa: IkeSa) -> None:
    """Phase 1 is done: whatever has waited for it begins."""
    while sa.waiting:
        start(core, sa, sa.waiting.popleft())


def under_way(sa: IkeSa) -> list[tuple[Exchange, Quick]]:
    """The quick modes that are not done, with what they remember."""
    found = ((each, each.state) for each in sa.exchanges.values() if not each.done)
    return [(each, state) for each, state in found if isinstance(state, Quick)]


def ours(sa: IkeSa) -> list[ChildRequest]:
    """What quick modes of ours that are under way are to bring."""
    begun = (state.request for each, state in under_way(sa) if each.role is Role.INITIATOR)
    return [request for request in begun if request is not None]


def renew(core: Core, child: Child) -> None:
    """Quick mode again for the same traffic, over the IKE SA of that peer or a new one; later again if it fails."""
    child.rekeying = True
    lifetime.renew_later(core, child)
    tunnel = core.tunnels.get(child.tunnel.name, child.tunnel)
    sa = core.ike_sa_with(child.peer)
    if sa is None and not tunnel.any_remote:
        where = initiation.begins_at(core, tunnel, child.local, child.remote, mapped=child.mapped)
        sa = core.initiating.get(tunnel.name) or initiation.start(core, tunnel, *where)
    if sa is not None:
        start(core, sa, ChildRequest(tunnel, child.name, child.reqid, child.selector, child.serial))
