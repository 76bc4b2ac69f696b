"""The life of an IKE SA above its exchanges: established, perhaps after more stages than phase 1, and its end."""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.ike.phase1 import quota
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.phase2 import children, ending, requests
from ikevpn.ike.runner import settle
from ikevpn.ike.runner.script import known, script_of
from ikevpn.ike.state import state_changes
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import PHASE1, Exchange, IkeSa, IkeState, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import dpd, informational, lifetime, succession
from ikevpn.model.events.event import Code, Fact, Reason

# Established


def phase1_finished(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """Both sides have proved who they are; from here on all runs under the keys."""
    assert sa.keys is not None and sa.tunnel is not None
    sa.last_block = exchange.iv or sa.keys.first_iv
    exchange.state = Phase1.of(exchange).without_keys()
    proceed(core, sa)


def proceed(core: Core, sa: IkeSa) -> None:
    """The next stage that an IKE SA with keys is in need of; where there is none, it is established.

    A stage is an exchange that one of the two begins now. Its own `finished` comes back here.
    """
    due = ((each, each.life.due(core, sa)) for each in known(core))
    script, beginner = next(((each, role) for each, role in due if role is not None), (None, None))
    if script is None:
        _establish(core, sa)
        return
    if sa.stage is None:  # the exchange of phase 1 answers duplicates as long as all of this may take
        core.timers.cancel(Timer(TimerKind.FORGET, sa.serial, PHASE1))
        core.timers.set(Timer(TimerKind.HALF_OPEN, sa.serial), core.now + core.settings.half_open_s)
    sa.stage = script
    if beginner is sa.role:
        settle.start(core, sa, script, script.life.state())


def _establish(core: Core, sa: IkeSa) -> None:
    exchange = sa.exchanges[PHASE1]
    state = Phase1.of(exchange)
    core.establish(sa)
    core.timers.cancel(Timer(TimerKind.HALF_OPEN, sa.serial))
    if sa.stage is not None:
        sa.stage = None
        core.timers.set(Timer(TimerKind.FORGET, sa.serial, PHASE1), core.now + core.settings.linger_s)
    if state.initial_contact:
        forget_others(core, sa)
    older = [each for each in core.siblings(sa) if not each.superseded]
    natt_text = str(sa.nat.draft) if sa.nat.found else ""
    facts = {"proposal": str(sa.proposal), "natt": natt_text, "mode": exchange.script.name}
    state_changes.phase1_up(core, sa, renewed=bool(older), seconds=sa.lifetime.seconds, **facts)
    if sa.role is Role.RESPONDER and sa.lifetime != state.told:
        informational.shorten_ike(core, sa)
    lifetime.plan_ike(core, sa)
    succession.supersede(core, sa, older)
    dpd.plan(core, sa)
    if sa.nat.we_are_behind:
        core.keep_alive(sa, True)
    requests.start_waiting(core, sa)
    if (surplus := quota.surplus(core, sa)) is not None:
        end(core, surplus, Reason.REPLACED, with_children=False, tell=True)


def forget_others(core: Core, sa: IkeSa) -> None:
    """INITIAL-CONTACT: whatever we had with this identity is gone on the other side (RFC 2407 §4.6.3.3).

    What came about while this SA was negotiated the peer did not know of when it said so.
    """
    others = [each for each in core.siblings(sa) if each.established < sa.created]
    old = [child for child in core.children_with(sa) if child.begun < sa.created]
    if others or old:
        core.report(Code.INITIAL_CONTACT, sa)
    for each in others:
        end(core, each, Reason.PEER_RESTARTED, with_children=False)
    for child in old:
        children.remove(core, child, Reason.PEER_RESTARTED)


# The end


def given_up(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """Nobody answered, or only to say something that we could not believe."""
    if exchange.done:
        return
    facts: dict[str, Fact] = {
        "message": settle.said(exchange).name,
        "tries": exchange.tries + 1,
        "seconds": int(core.now - exchange.begun),
    }
    script_of(exchange).life.given_up(core, sa, exchange, facts)
    if sa.heard <= exchange.begun:  # not a word under this IKE SA since: the next attempt shall not run into it again
        end(core, sa, Reason.NO_ANSWER, with_children=False)


def end(
    core: Core,
    sa: IkeSa,
    reason: Reason,
    *,
    with_children: bool,
    tell: bool = False,
    facts: Mapping[str, Fact] | None = None,
) -> None:
    """An IKE SA goes; `tell` the peer where it can still hear us. `facts` belong to the reason."""
    if sa.serial not in core.ike_sas:
        return
    established = sa.state is IkeState.ESTABLISHED
    if tell and (established or sa.stage is not None):
        for child in ending.half_made(sa):  # the initiator has them already, if its last message is on the way
            informational.delete_child(core, sa, child)
        informational.delete_ike(core, sa)
    last = established and not core.siblings(sa)
    core.forget_ike_sa(sa)
    if established:
        succession.revive(core, sa)
        ending.break_off(core, sa, reason)
    elif sa.role is Role.INITIATOR:
        state_changes.phase1_failed(core, sa, reason)
    if with_children:
        for child in core.children_with(sa):
            children.remove(core, child, reason)
    if last:
        state_changes.phase1_down(core, sa, reason, **(facts or {}))


def peer_dead(core: Core, sa: IkeSa) -> None:
    """DPD has had no answer: everything with this peer is gone (RFC 3706 §5.4), unless it lives under another SA."""
    assert sa.tunnel is not None
    if any(each.heard > core.now - sa.tunnel.dpd_interval_s for each in core.siblings(sa)):
        end(core, sa, Reason.DEAD_PEER, with_children=False)
        return
    for each in core.siblings(sa):
        end(core, each, Reason.DEAD_PEER, with_children=False)
    end(core, sa, Reason.DEAD_PEER, with_children=True)
    state_changes.peer_lost(core, sa)
