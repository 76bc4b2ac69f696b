"""How a phase 1 ends without keys: refused by us, doubted, given up, or refused by the peer."""

from __future__ import annotations

from dataclasses import replace

from ikevpn.ike.phase1 import common, initiation, refusal
from ikevpn.ike.runner import settle
from ikevpn.ike.state import state_changes
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import PHASE1, Exchange, Hint, IkeSa, Role
from ikevpn.ike.upkeep import informational, lifetime
from ikevpn.model.events.event import Fact, Reason
from ikevpn.wire.registry import NotifyType


def rejected(core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType, why: Hint) -> None:
    """We will not go on: tell the peer once, then forget it, unless the real peer may yet come."""
    informational.refuse(core, sa, notify)
    proved = exchange.row > 0 and settle.awaited(exchange).authenticates
    ours = settle.awaited(exchange).sender is exchange.role  # which we could not make: the peer waits for it
    told = replace(why, facts={"notify": notify.label, **why.facts})
    if exchange.role is Role.RESPONDER and exchange.row > 0 and not proved and not ours:
        core.drop(why.reason, sa, **why.facts)  # anybody may have sent this: the real peer still has its chance
        sa.hint = sa.hint or told
        return
    if exchange.role is Role.INITIATOR and proved and not ours and settle.at_last_message(exchange):
        sa.last_block = exchange.iv  # for the peer all is well: what it has now must go
        informational.delete_ike(core, sa)
    failed(core, sa, told)


def doubted(core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType) -> None:
    """An initiator is told at once what its message looks like from here; it may have another secret."""
    if exchange.role is Role.RESPONDER:
        informational.refuse(core, sa, notify)


def given_up(core: Core, sa: IkeSa, exchange: Exchange, facts: dict[str, Fact]) -> None:
    """Nobody answered, or only to say something that we could not believe."""
    hint = refusal.silence(sa, exchange)
    failed(core, sa, Hint(hint.reason, {**facts, **hint.facts}))


def too_slow(core: Core, sa: IkeSa) -> None:
    """An SA that is still half-open when its time is over."""
    failed(core, sa, sa.decoy or sa.hint or Hint(Reason.NO_ANSWER, {"half_open": True}))


def failed(core: Core, sa: IkeSa, hint: Hint) -> None:
    """The end of a phase 1, unless a refusal leaves another group to offer."""
    core.forget_ike_sa(sa)
    attempt = common.Phase1.of(sa.exchanges[PHASE1]).group_index + 1
    if hint.reason is Reason.PEER_REFUSED_PHASE1 and sa.tunnel and common.offered_in_attempt(sa.tunnel, attempt):
        again = initiation.start(core, sa.tunnel, sa.local, sa.remote, sa.natt, group_index=attempt)
        again.waiting.extend(sa.waiting)
        return
    state_changes.phase1_failed(core, sa, hint.reason, **hint.facts)
    for request in sa.waiting:
        lifetime.not_renewed(core, request)
