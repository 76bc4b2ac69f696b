"""Who may begin: strangers get a half-open SA only within limits, and only where some tunnel could be meant."""

from __future__ import annotations

from ikevpn.ike import informational
from ikevpn.ike.core import Budget, Core
from ikevpn.ike.exchange import Arrival
from ikevpn.ike.sa import IkeSa, Role
from ikevpn.ike.timers import Timer, TimerKind
from ikevpn.model.events import Code, Reason
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.registry import ExchangeType, NotifyType

_ANSWERED_ONCE = 2  # rows done when message 2 is sent
_MODES = {ExchangeType.MAIN: Phase1Mode.MAIN, ExchangeType.AGGRESSIVE: Phase1Mode.AGGRESSIVE}


def admit(core: Core, arrival: Arrival) -> IkeSa | None:
    """A half-open SA for message 1 of a phase 1, or None with the reason counted."""
    mode = _MODES[arrival.header.exchange]
    if core.half_open_by_source[arrival.remote.address] >= core.settings.max_half_open_per_source:
        core.drop(Reason.TOO_MANY_HALF_OPEN)
        return None
    reachable = core.tunnels.may_call(arrival.local, arrival.remote)
    candidates = tuple(each for each in reachable if each.mode is mode)
    if not candidates:
        _turn_away(core, arrival, reachable)
        return None
    if len(core.half_open) >= core.settings.max_half_open:
        # Under a flood new peers get in rather than nobody; who has answered to our cookie goes last.
        core.counters["half-open-evicted"] += 1
        silent = (sa for sa in core.half_open.values() if sa.exchanges[0].row <= _ANSWERED_ONCE)
        core.forget_ike_sa(next(silent, next(iter(core.half_open.values()))))
    sa = _half_open(core, arrival, candidates)
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
    told = sa if core.affords(Budget.REPORT) else None
    configured = tuple(f"{each.name}: {each.mode}" for each in reachable)
    core.drop(Reason.NO_MATCHING_TUNNEL, told, mode=str(_MODES[arrival.header.exchange]), configured=configured)
    informational.refuse(core, sa, NotifyType.NO_PROPOSAL_CHOSEN)
