"""What the engine knows, as frozen values for people and metrics. Never holds keys."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.ike.state import standing
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, IkeSa, IkeState


@dataclass(frozen=True, slots=True)
class IkeStatus:
    """One IKE SA. Times in seconds."""

    tunnel: str
    state: str
    role: str
    cky_i: str
    cky_r: str
    local: str
    remote: str
    local_id: str
    peer_id: str
    proposal: str
    natt: str
    behind_nat: tuple[str, ...]
    peer_products: tuple[str, ...]
    age_s: float
    heard_s: float
    remaining_s: float
    superseded: bool


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """One pair of IPsec SAs. Times in seconds."""

    tunnel: str
    child: str
    reqid: int
    selector: str
    local: str
    remote: str
    peer_id: str
    proposal: str
    encapsulation: str
    spi_in: int
    spi_out: int
    role: str
    age_s: float
    remaining_s: float
    superseded: bool
    outbound: bool
    ah_spi_in: int = 0  # of AH around it, in a bundle
    ah_spi_out: int = 0


@dataclass(frozen=True, slots=True)
class EngineStatus:
    ike_sas: tuple[IkeStatus, ...]
    children: tuple[ChildStatus, ...]
    half_open: int
    timers: int


def snapshot(core: Core, now: float) -> EngineStatus:
    """Everything, in the order in which it was made."""
    return EngineStatus(
        tuple(_ike(sa, now) for sa in core.ike_sas.values()),
        tuple(_child(child, now) for child in core.children.values()),
        len(core.half_open),
        len(core.timers),
    )


def snapshot_of(core: Core, now: float, tunnel: str) -> EngineStatus:
    """One tunnel: what is up, and the phase 1 that we have begun for it. One that a peer has begun shows when done."""
    begun = core.initiating.get(tunnel)
    return EngineStatus(
        tuple(_ike(sa, now) for sa in [*standing.ike_sas(core, tunnel), *([begun] if begun else [])]),
        tuple(_child(child, now) for child in core.children_for.of(tunnel)),
        len(core.half_open),
        len(core.timers),
    )


def _ike(sa: IkeSa, now: float) -> IkeStatus:
    done = sa.state is IkeState.ESTABLISHED
    start = sa.established if done else sa.created
    behind = (("we", sa.nat.we_are_behind), ("peer", sa.nat.peer_is_behind))
    return IkeStatus(
        tunnel=sa.name,
        state=str(sa.state),
        role=str(sa.role),
        cky_i=sa.cky_i.hex(),
        cky_r=sa.cky_r.hex(),
        local=str(sa.local),
        remote=str(sa.remote),
        local_id=str(sa.local_id or ""),
        peer_id=str(sa.peer_id or ""),
        proposal=str(sa.proposal or ""),
        natt=str(sa.nat.draft or "") if sa.nat.found else "",
        behind_nat=tuple(name for name, there in behind if there),
        peer_products=sa.peer_products,
        age_s=now - start,
        heard_s=now - sa.heard if done else 0.0,
        remaining_s=start + sa.lifetime.seconds - now if done and sa.lifetime.seconds else 0.0,
        superseded=sa.superseded,
    )


def _child(child: Child, now: float) -> ChildStatus:
    return ChildStatus(
        tunnel=child.tunnel.name,
        child=child.name,
        reqid=child.reqid,
        selector=str(child.selector),
        local=str(child.local),
        remote=str(child.remote),
        peer_id=str(child.peer_id or ""),
        proposal=str(child.proposal),
        encapsulation=str(child.encapsulation),
        spi_in=child.spi_in,
        spi_out=child.spi_out,
        role=str(child.role),
        age_s=now - child.created,
        remaining_s=child.created + child.lifetime.seconds - now if child.lifetime.seconds else 0.0,
        superseded=child.superseded,
        outbound=child.outbound,
        ah_spi_in=child.around.spi_in if child.around else 0,
        ah_spi_out=child.around.spi_out if child.around else 0,
    )
