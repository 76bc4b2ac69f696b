"""One IKE SA after the other with the same peer: which of two stays, and which goes on when its successor is gone."""

from __future__ import annotations

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import dpd, lifetime


def supersede(core: Core, sa: IkeSa, older: list[IkeSa]) -> None:
    """One IKE SA with a peer is enough: of two that both sides began at once the one with the smaller cookies goes."""
    for each in older:
        collided = each.role is not sa.role and sa.created <= each.established
        loser = sa if collided and sa.cookies < each.cookies else each
        initiator = loser if collided else sa
        loser.superseded = True
        core.timers.cancel(Timer(TimerKind.IKE_REKEY, loser.serial))
        core.timers.cancel(Timer(TimerKind.DPD, loser.serial))
        core.timers.cancel(Timer(TimerKind.DPD_DECIDE, loser.serial))
        patience = 1 if initiator.role is Role.INITIATOR else 4
        core.timers.set(Timer(TimerKind.IKE_RETIRE, loser.serial), core.now + patience * core.settings.retire_s)
        while loser.waiting and loser is not sa:
            sa.waiting.append(loser.waiting.popleft())


def revive(core: Core, sa: IkeSa) -> None:
    """The two sides may have judged a collision differently: with its successor gone, the one that is left goes on."""
    left = core.siblings(sa)
    if left and all(each.superseded for each in left):
        newest = max(left, key=lambda each: each.established)
        newest.superseded = False
        core.timers.cancel(Timer(TimerKind.IKE_RETIRE, newest.serial))
        lifetime.plan_ike(core, newest)
        dpd.plan(core, newest)
