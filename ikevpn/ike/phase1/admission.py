"""Who may begin: strangers get a half-open SA only within limits, and only where some tunnel could be meant."""

from __future__ import annotations

from ikevpn.ike.state.callers import Callers, told
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import LookUp
from ikevpn.ike.state.sa import IkeSa, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import informational
from ikevpn.ike.values.arrival import Arrival
from ikevpn.model.address import Address
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.registry import ExchangeType, NotifyType

_LOOK_UP_EVERY_S = 10.0
_LOOKING_S = 4.0  # by then DNS has answered, and a caller has sent its message again
_MODES = {ExchangeType.MAIN: Phase1Mode.MAIN, ExchangeType.AGGRESSIVE: Phase1Mode.AGGRESSIVE}


def admit(core: Core, arrival: Arrival) -> IkeSa | None:
    """A half-open SA for message 1 of a phase 1, or None with the reason counted."""
    mode = _MODES[arrival.header.exchange]
    reachable = Callers(core.tunnels, arrival.local.address, arrival.remote.address)
    likely = reachable.first()
    if likely is None and (silent := reachable.silent().first()) is not None:
        refuse_call(core, arrival, silent, Reason.INITIATOR_ONLY)
        return None
    if likely is None and _looks_up(core):
        core.drop(Reason.NO_MATCHING_TUNNEL)
        return None
    callers = reachable.begun_in(mode)
    if (meant := callers.first()) is None:
        _turn_away(core, arrival, reachable)
        return None
    if not _make_room(core, arrival.remote.address):
        core.drop(Reason.TOO_MANY_HALF_OPEN)
        return None
    sa = _half_open(core, arrival, meant)
    sa.callers = callers
    core.add_ike_sa(sa)
    core.timers.set(Timer(TimerKind.HALF_OPEN, sa.serial), core.now + core.settings.half_open_s)
    core.report(Code.PHASE1_RESPONDING, sa, mode=str(mode))
    return sa


def _looks_up(core: Core) -> bool:
    """A peer that is known by a DNS name may have moved: the names are looked up before it is refused, and its message
    1 comes again. Anybody can make us do so, so this is done only so often; between that strangers are refused at once.
    """
    if not core.tunnels.any_named:
        return False
    if core.looked_up is None or core.now - core.looked_up >= _LOOK_UP_EVERY_S:
        core.looked_up = core.now
        core.emit(LookUp())
    return core.now - core.looked_up < _LOOKING_S


def _make_room(core: Core, source: Address) -> bool:
    """Under a flood new peers get in rather than nobody. Who has answered to our cookie goes last, and never for others
    of its own address, whose messages may all be inventions.
    """
    table, share = core.half_open, core.settings.max_half_open_per_source
    if len(table) < core.settings.max_half_open:
        return True
    least = table.least(share)
    if least is None and table.answered_from(source) < share:
        least = table.least_answered()
    if least is None:
        return False
    evict(core, least)
    return True


def may_answer(core: Core, sa: IkeSa) -> bool:
    """Whether one more of its source may cost us a key exchange: who has a true address can answer to many cookies."""
    if sa.first_from is None or not core.half_open.is_silent(sa):
        return True
    return core.half_open.answered_from(sa.first_from.address) < core.settings.max_half_open_per_source


def evict(core: Core, sa: IkeSa) -> None:
    """A half-open SA goes because there is not enough for all."""
    core.counters["half-open-evicted"] += 1
    core.forget_ike_sa(sa)


def keep(core: Core, sa: IkeSa) -> None:
    """Something is kept for an SA; where that is too much for all half-open ones together, who has most goes."""
    core.half_open.weigh(sa)
    while core.half_open.octets > core.settings.max_held_octets and (most := core.half_open.heaviest()) is not None:
        evict(core, most)


def _half_open(core: Core, arrival: Arrival, tunnel: Tunnel | None) -> IkeSa:
    return IkeSa(
        serial=core.serial(),
        role=Role.RESPONDER,
        cky_i=arrival.header.cky_i,
        cky_r=core.cookie(),
        local=arrival.local,
        remote=arrival.remote,
        created=core.now,
        tunnel=tunnel,
        natt=arrival.natt,
    )


def _turn_away(core: Core, arrival: Arrival, reachable: Callers) -> None:
    mode = _MODES[arrival.header.exchange]
    facts: dict[str, Fact] = {"mode": str(mode)}
    if candidates := told(f"{each.name} ({each.mode} mode)" for each in reachable):
        facts["candidates"] = candidates
    mute = reachable.mute_in(mode).first()
    reason = Reason.AGGRESSIVE_MODE if mute else Reason.NO_MATCHING_TUNNEL
    sa = refuse_call(core, arrival, mute or reachable.first(), reason, **facts)
    informational.refuse(core, sa, NotifyType.NO_PROPOSAL_CHOSEN)


def refuse_call(core: Core, arrival: Arrival, meant: Tunnel | None, reason: Reason, **facts: Fact) -> IkeSa:
    """Count and report a call that nothing is kept of; it is told to the tunnel that was probably meant."""
    sa = _half_open(core, arrival, meant)
    core.counters[f"drop-{reason}"] += 1
    core.report(Code.CALL_REFUSED, sa, reason, **facts)
    return sa
