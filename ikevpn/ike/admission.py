"""Who may begin: strangers get a half-open SA only within limits, and only where some tunnel could be meant."""

from __future__ import annotations

from ikevpn.ike import informational
from ikevpn.ike.core import Core
from ikevpn.ike.exchange import Arrival
from ikevpn.ike.sa import IkeSa, Role
from ikevpn.ike.timers import Timer, TimerKind
from ikevpn.model.address import Endpoint
from ikevpn.model.events import Code, Reason
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.registry import ExchangeType, NotifyType

_MODES = {ExchangeType.MAIN: Phase1Mode.MAIN, ExchangeType.AGGRESSIVE: Phase1Mode.AGGRESSIVE}


def admit(core: Core, arrival: Arrival) -> IkeSa | None:
    """A half-open SA for message 1 of a phase 1, or None with the reason counted."""
    mode = _MODES[arrival.header.exchange]
    reachable = [each for each in core.tunnels.values() if _may_be(each, arrival.local, arrival.remote)]
    candidates = sorted(
        (each for each in reachable if each.mode is mode), key=lambda each: _width(each, arrival.remote)
    )
    if not candidates:
        _turn_away(core, arrival, reachable)
        return None
    if core.half_open_by_source[arrival.remote.address] >= core.settings.max_half_open_per_source:
        core.drop(Reason.TOO_MANY_HALF_OPEN)
        return None
    if len(core.half_open) >= core.settings.max_half_open:
        # The oldest has had its chance: under a flood new peers get in rather than nobody.
        core.counters["half-open-evicted"] += 1
        core.forget_ike_sa(next(iter(core.half_open.values())))
    sa = _half_open(core, arrival, tuple(candidates))
    core.add_ike_sa(sa)
    core.timers.set(Timer(TimerKind.HALF_OPEN, sa.serial), core.now + core.settings.half_open_s)
    core.report(Code.PHASE1_RESPONDING, sa, mode=str(mode))
    return sa


def _half_open(core: Core, arrival: Arrival, candidates: tuple[Tunnel, ...]) -> IkeSa:
    return IkeSa(
        serial=core.serial(),
        role=Role.RESPONDER,
        cky_i=arrival.header.cky_i,
        cky_r=core.cookie(),
        local=arrival.local,
        remote=arrival.remote,
        created=core.now,
        tunnel=candidates[0] if candidates else None,
        candidates=candidates,
        natt=arrival.natt,
    )


def _turn_away(core: Core, arrival: Arrival, reachable: list[Tunnel]) -> None:
    sa = _half_open(core, arrival, ())
    configured = tuple(f"{each.name}: {each.mode}" for each in reachable)
    core.drop(Reason.NO_MATCHING_TUNNEL, sa, mode=str(_MODES[arrival.header.exchange]), configured=configured)
    informational.refuse(core, sa, NotifyType.NO_PROPOSAL_CHOSEN)


def _may_be(tunnel: Tunnel, local: Endpoint, remote: Endpoint) -> bool:
    if tunnel.local is not None and tunnel.local != local.address:
        return False
    return tunnel.any_remote or any(each.contains(remote.address) for each in tunnel.remotes)


def _width(tunnel: Tunnel, remote: Endpoint) -> int:
    """How many addresses a tunnel would have accepted in place of this one: the more specific comes first."""
    widths = (int(each.last) - int(each.first) for each in tunnel.remotes if each.contains(remote.address))
    return min(widths, default=1 << 128)
