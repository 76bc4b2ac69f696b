"""What `status` shows, as one frozen value: the keeper says what is up, engine and data plane tell the details."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ikevpn.control import api
from ikevpn.ike.status import ChildStatus, EngineStatus, IkeStatus
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event
from ikevpn.model.sa import Direction, SaUse
from ikevpn.net.follow.rivals import Rival
from ikevpn.service.history.expiry import Expiring
from ikevpn.service.tunnel.keeper import Keeper
from ikevpn.service.tunnel.tunnel import Tunnel

Uses = Mapping[tuple[Direction, int, int], SaUse]


def index(uses: Iterable[SaUse]) -> Uses:
    """Counters by direction, SPI and reqid: two peers may have chosen the same SPI for what we send."""
    return {(use.direction, use.spi, use.reqid): use for use in uses}


def tunnel_state(
    tunnel: Tunnel, engine: EngineStatus, uses: Uses, now: float, expiring: Expiring | None = None
) -> api.TunnelState:
    """One tunnel. A dialup tunnel shows the newest of its peers on top and the children of all."""
    keeper, config = tunnel.keeper, tunnel.config
    found = [*tunnel.keying.children(now)] + [
        child for child in engine.children if child.tunnel == tunnel.name and child.outbound and not child.superseded
    ]
    children = [_up(child, uses) for child in found if child.child in keeper.up]
    children += [
        api.ChildState(name=child.name, selector=str(child.selector), state="down")
        for child in config.template.children
        if child.name not in keeper.up
    ]
    ike = _newest(engine, tunnel.name)
    return api.TunnelState(
        name=tunnel.name,
        wanted=keeper.wanted.value,
        state=keeper.state,
        remote=ike.remote if ike else ", ".join(map(str, config.remotes)) or "any",
        local=ike.local if ike else found[0].local if config.manual and found else str(config.local or ""),
        peer_id=ike.peer_id if ike else "",
        ike_proposal=ike.proposal if ike else "",
        role=ike.role if ike else "",
        nat=bool(ike and ike.behind_nat),
        up_s=max((child.age_s for child in children), default=0.0),
        ike_expires_s=ike.remaining_s if ike else 0,
        manual=config.manual is not None,
        device=tunnel.binding.device,
        attempts=keeper.failures,
        next_attempt_s=max(0.0, keeper.next_attempt - now) if keeper.next_attempt is not None else None,
        competing=tuple(map(_in_clear, tunnel.binding.rivals)),
        certificate=expiring.subject if expiring else "",
        certificate_expires_s=expiring.left_s if expiring else None,
        children=tuple(children),
        **_failure(keeper),
    )


def _in_clear(rival: Rival) -> str:
    facts = {"network": str(rival.network), "route": str(rival)}
    return reasons.sentence(Event(Code.ROUTE_COMPETES, facts=facts))


def _failure(keeper: Keeper) -> dict[str, str]:
    failure = keeper.last_failure
    if failure is None:
        return {}
    return {"last_error": reasons.sentence(failure.event), "last_reason": failure.event.reason.value}


def _newest(engine: EngineStatus, tunnel: str) -> IkeStatus | None:
    found = [sa for sa in engine.ike_sas if sa.tunnel == tunnel and sa.state == "established"]
    return max(found, key=lambda sa: (not sa.superseded, -sa.age_s), default=None)


def _up(child: ChildStatus, uses: Uses) -> api.ChildState:
    inbound = uses.get((Direction.IN, child.spi_in, child.reqid), SaUse(child.spi_in, Direction.IN))
    outbound = uses.get((Direction.OUT, child.spi_out, child.reqid), SaUse(child.spi_out, Direction.OUT))
    around = uses.get((Direction.IN, child.ah_spi_in, child.reqid))
    drops = Counter(dict(inbound.drops)) + Counter(dict(outbound.drops)) + Counter(dict(around.drops) if around else {})
    return api.ChildState(
        name=child.child,
        selector=child.selector,
        state="up",
        proposal=child.proposal,
        encapsulation=child.encapsulation,
        spi_in=f"{child.spi_in:08x}",
        spi_out=f"{child.spi_out:08x}",
        age_s=child.age_s,
        expires_s=child.remaining_s,
        bytes_in=inbound.bytes,
        bytes_out=outbound.bytes,
        packets_in=inbound.packets,
        packets_out=outbound.packets,
        idle_in_s=inbound.idle_s,
        idle_out_s=outbound.idle_s,
        path_mtu=outbound.path_mtu,
        drops=dict(drops),
        ah_spi_in=f"{child.ah_spi_in:08x}" if child.ah_spi_in else "",
        ah_spi_out=f"{child.ah_spi_out:08x}" if child.ah_spi_out else "",
    )
