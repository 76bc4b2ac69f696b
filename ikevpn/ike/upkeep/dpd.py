"""Dead peer detection (RFC 3706): answered always, asked when nothing authenticated has come in for a while."""

from __future__ import annotations

from enum import StrEnum

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import QuerySa
from ikevpn.ike.state.sa import IkeSa
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.model.events.event import Code
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.payload import Notify
from ikevpn.wire.registry import Doi, NotifyType, Protocol
from ikevpn.wire.vendor import Capability

_DECIDE_S = 0.5  # the data plane's answer about ESP traffic comes within this time
_RETRY_S = 3.0


class Verdict(StrEnum):
    ALIVE = "alive"
    ASK = "ask"
    DEAD = "dead"


def plan(core: Core, sa: IkeSa) -> None:
    """Look again after the interval; towards peers without DPD there is nothing to ask."""
    tunnel = sa.tunnel
    if tunnel is None or not tunnel.dpd_interval_s or Capability.DPD not in sa.capabilities:
        return
    core.timers.set(Timer(TimerKind.DPD, sa.serial), max(core.now, sa.heard) + tunnel.dpd_interval_s)


def look(core: Core, sa: IkeSa) -> None:
    """The interval is over: ask the data plane about traffic first, it proves more than any question."""
    assert sa.tunnel is not None
    if sa.heard + sa.tunnel.dpd_interval_s > core.now:
        plan(core, sa)
        return
    _query(core, sa)
    core.timers.set(Timer(TimerKind.DPD_DECIDE, sa.serial), core.now + _DECIDE_S)


def _query(core: Core, sa: IkeSa) -> None:
    """All pairs at once: one question costs the data plane the same as one for each would cost once."""
    spis = tuple(child.spi_in for child in core.children_with(sa))
    if spis:
        core.emit(QuerySa(spis))


def decide(core: Core, sa: IkeSa) -> Verdict:
    """What the silence of a peer means by now."""
    assert sa.tunnel is not None
    if not sa.dpd.on_demand and sa.heard + sa.tunnel.dpd_interval_s > core.now:
        sa.dpd.waiting = 0
        plan(core, sa)
        return Verdict.ALIVE
    return Verdict.DEAD if _is_over(core, sa, sa.tunnel) else Verdict.ASK


def _is_over(core: Core, sa: IkeSa, tunnel: Tunnel) -> bool:
    """Whether we have waited long enough for an answer."""
    if not tunnel.dpd_timeout_s:
        return sa.dpd.waiting > tunnel.retransmit_tries
    return sa.dpd.waiting > 0 and core.now >= sa.dpd.until


def _patience(tunnel: Tunnel) -> float:
    """From the first question to the verdict. The silence before it counts, too."""
    return max(tunnel.dpd_timeout_s - tunnel.dpd_interval_s, _RETRY_S)


def question(core: Core, sa: IkeSa) -> Notify:
    """R-U-THERE, and the timer for its answer; a repeated question keeps its number (RFC 3706 §5.4)."""
    assert sa.tunnel is not None
    core.timers.set(Timer(TimerKind.DPD_DECIDE, sa.serial), _again_at(core, sa, sa.tunnel))
    if sa.dpd.sequence == 0:
        sa.dpd.sequence = int.from_bytes(core.entropy(4), "big") & 0x7FFF_FFFF
    if sa.dpd.waiting == 0:
        sa.dpd.sequence = (sa.dpd.sequence + 1) & 0xFFFF_FFFF
    else:  # under load the answer may be lost while traffic goes on: look again
        _query(core, sa)
    sa.dpd.waiting += 1
    core.report(Code.DPD_SENT, sa, tries=sa.dpd.waiting)
    return _notify(sa, NotifyType.R_U_THERE, sa.dpd.sequence.to_bytes(4, "big"))


def _again_at(core: Core, sa: IkeSa, tunnel: Tunnel) -> float:
    """When to ask once more, or to give up. With a timeout of its own there are as many questions, or fewer."""
    if not tunnel.dpd_timeout_s:
        return core.now + _RETRY_S
    patience = _patience(tunnel)
    if sa.dpd.waiting == 0:
        sa.dpd.until = core.now + patience
    again_at = core.now + max(_RETRY_S, patience / (tunnel.retransmit_tries + 1))
    return sa.dpd.until if sa.dpd.until - again_at < _RETRY_S / 2 else again_at


def answer(core: Core, sa: IkeSa, payload: Notify) -> Notify | None:
    """R-U-THERE-ACK for a question with a number that rises; None for one played again (RFC 3706 §6.1).

    Under whose protection it came says which SA is meant; the cookies in it are wrong from some Ciscos.
    """
    if len(payload.data) != 4:
        return None
    number = int.from_bytes(payload.data, "big")
    last = sa.dpd.peer_sequence
    if last is not None and (number - last) % (1 << 32) >= 1 << 31:
        core.counters["drop-dpd-replay"] += 1
        return None
    sa.dpd.peer_sequence = number
    return _notify(sa, NotifyType.R_U_THERE_ACK, payload.data)


def answered(core: Core, sa: IkeSa, payload: Notify) -> bool:
    """The peer lives; whether this answers our latest question."""
    if not sa.dpd.sequence or payload.data != sa.dpd.sequence.to_bytes(4, "big"):
        core.counters["drop-dpd-unexpected"] += 1
        return False
    if sa.dpd.on_demand:
        core.report(Code.DPD_ANSWERED, sa)
    sa.dpd.waiting, sa.dpd.on_demand = 0, False
    core.timers.cancel(Timer(TimerKind.DPD_DECIDE, sa.serial))
    plan(core, sa)
    return True


def _notify(sa: IkeSa, kind: NotifyType, data: bytes) -> Notify:
    return Notify(Doi.IPSEC, Protocol.ISAKMP, sa.cookies, kind, data)
