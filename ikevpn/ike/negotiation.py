"""The life of negotiations: how phase 1 and quick modes begin, what their success and their failure lead to."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

from ikevpn.ike.phase1 import common, refusal
from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.phase2 import children, late_deletes, quick
from ikevpn.ike.phase2.quick_state import Quick
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.exchange import Outcome, Rejected, Result, Script, begin
from ikevpn.ike.script import AGGRESSIVE, MAIN, QUICK
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import ZERO_COOKIE, Child, ChildRequest, Exchange, Hint, IkeSa, IkeState, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import dpd, informational, lifetime, succession
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.model.tunnel import Child as ChildConfiguration
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.registry import ExchangeType, NotifyType

PHASE1_SCRIPTS = {Phase1Mode.MAIN: MAIN, Phase1Mode.AGGRESSIVE: AGGRESSIVE}
_REFUSALS = {
    NotifyType.INVALID_ID_INFORMATION: Reason.PROXY_ID_MISMATCH,
    NotifyType.NO_PROPOSAL_CHOSEN: Reason.PEER_REFUSED_PHASE2,
}
_RENEW_AGAIN_S = 10.0


def start_phase1(
    core: Core, tunnel: Tunnel, local: Endpoint, remote: Endpoint, natt: bool = False, group_index: int = 0
) -> IkeSa:
    """Begin main or aggressive mode with a peer; `natt`: at once on port 4500."""
    sa = IkeSa(core.serial(), Role.INITIATOR, core.cookie(), ZERO_COOKIE, local, remote, core.now, tunnel, (tunnel,))
    sa.natt = natt
    core.add_ike_sa(sa)
    state = Phase1(group_index=group_index)
    offered = tuple(map(str, common.offered_in_attempt(tunnel, group_index)))
    core.report(Code.PHASE1_STARTED, sa, mode=str(tunnel.mode), offered=offered)
    expected = common.expected_identity(tunnel, remote.address)
    if common.known_secret(core, tunnel, remote.address, expected) is None:
        core.forget_ike_sa(sa)
        core.report(Code.PHASE1_FAILED, sa, Reason.NO_SECRET, remote=str(remote.address))
        return sa
    settle(core, sa, *_begin(core, sa, PHASE1_SCRIPTS[tunnel.mode], 0, state))
    return sa


def _begin(core: Core, sa: IkeSa, script: Script, message_id: int, scratch: object) -> tuple[Exchange, Result]:
    exchange = Exchange(script, message_id, Role.INITIATOR, scratch)
    if not script.phase1:
        exchange.iv = protect.first_iv(sa, message_id)
    return exchange, begin(core, sa, exchange)


def request_child(core: Core, sa: IkeSa, request: ChildRequest) -> None:
    """Begin a quick mode, or let it wait until phase 1 is done; one that is under way already is not begun twice."""
    if any(each.reqid == request.reqid for each in (*sa.waiting, *_requests(sa))):
        return
    if sa.state is not IkeState.ESTABLISHED:
        sa.waiting.append(request)
        return
    tunnel = core.tunnels.get(request.tunnel.name, request.tunnel)
    settle(core, sa, *_begin(core, sa, QUICK, core.message_id(sa), Quick(tunnel=tunnel, request=request)))


def _requests(sa: IkeSa) -> list[ChildRequest]:
    """Quick modes of ours that are under way."""
    return [
        exchange.scratch.request
        for exchange in sa.exchanges.values()
        if exchange.script.kind == ExchangeType.QUICK and exchange.role is Role.INITIATOR and not exchange.done
    ]


def wanted(tunnel: Tunnel, child: ChildConfiguration) -> ChildRequest:
    return ChildRequest(tunnel, child.name, child.reqid, child.selector)


def renew_child(core: Core, child: Child) -> None:
    """Quick mode again for the same traffic, over the IKE SA of that peer or a new one; later again if it fails."""
    child.rekeying = True
    _renew_later(core, child)
    tunnel = core.tunnels.get(child.tunnel.name, child.tunnel)
    sa = core.ike_sa_with(child.peer)
    if sa is None and not tunnel.any_remote:
        where = begins_at(core, tunnel, child.local, child.remote, mapped=child.mapped)
        sa = core.initiating.get(tunnel.name) or start_phase1(core, tunnel, *where)
    if sa is not None:
        request_child(core, sa, ChildRequest(tunnel, child.name, child.reqid, child.selector, child.serial))


def _renew_later(core: Core, child: Child) -> None:
    """A renewal that fails is tried again while there is time."""
    retry_at = core.now + max(_RENEW_AGAIN_S, child.lifetime.seconds * 0.02)
    core.timers.set(Timer(TimerKind.CHILD_REKEY, child.serial), retry_at)


def renew_ike(core: Core, sa: IkeSa) -> None:
    """Phase 1 again beside the old SA, which is retired when the new one is up. Children stay."""
    if sa.name in core.tunnels and sa.name not in core.initiating:
        tunnel = core.tunnels[sa.name]
        mapped = sa.natt and sa.nat.peer_is_behind
        start_phase1(core, tunnel, *begins_at(core, tunnel, sa.local, sa.remote, mapped=mapped))


def begins_at(
    core: Core, tunnel: Tunnel, local: Endpoint, remote: Endpoint, *, mapped: bool = False
) -> tuple[Endpoint, Endpoint, bool]:
    """A new phase 1 begins on the IKE ports, but towards a peer behind a NAT where its mapping is (RFC 3947 §4), and
    on the NAT-T ports where the peer has no other.
    """
    if mapped:
        return local, remote, True
    natt = tunnel.remote_ike_port == tunnel.remote_natt_port
    port = core.settings.natt_port if natt else core.settings.ike_port
    return local.at(port), remote.at(tunnel.remote_ike_port), natt


# Success


def settle(core: Core, sa: IkeSa, exchange: Exchange, result: Result) -> None:
    """Act on what became of an exchange."""
    if result.outcome is Outcome.REJECTED:
        assert result.rejection is not None
        rejected(core, sa, exchange, result.rejection)
    elif result.outcome is Outcome.DOUBTED and exchange.role is Role.RESPONDER:
        assert result.rejection is not None
        informational.refuse(core, sa, NotifyType(result.rejection.notify))
    elif result.outcome is Outcome.FINISHED:
        if exchange.script.phase1:
            _phase1_done(core, sa, exchange)
        elif exchange.script.kind == ExchangeType.INFORMATIONAL:
            _act_on_news(core, sa, exchange)
        else:
            children.agreed(core, exchange.scratch.child)


def _phase1_done(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    state: Phase1 = exchange.scratch
    assert sa.keys is not None and sa.tunnel is not None
    core.establish(sa)
    sa.last_block = exchange.iv or sa.keys.first_iv
    exchange.scratch = SimpleNamespace()  # private exponent, nonces and candidate keys are not needed again
    core.timers.cancel(Timer(TimerKind.HALF_OPEN, sa.serial))
    if state.initial_contact:
        _forget_others(core, sa)
    older = [each for each in core.siblings(sa) if not each.superseded]
    code = Code.IKE_REKEYED if older else Code.IKE_UP
    natt_text = str(sa.nat.draft) if sa.nat.found else ""
    core.report(
        code, sa, proposal=str(sa.proposal), natt=natt_text, seconds=sa.lifetime.seconds, mode=exchange.script.name
    )
    if sa.role is Role.RESPONDER and sa.lifetime != state.told:
        informational.shorten_ike(core, sa)
    lifetime.plan_ike(core, sa)
    succession.supersede(core, sa, older)
    dpd.plan(core, sa)
    if sa.nat.we_are_behind:
        core.keep_alive(sa, True)
    while sa.waiting:
        request_child(core, sa, sa.waiting.popleft())


def _forget_others(core: Core, sa: IkeSa) -> None:
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


def _act_on_news(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """Notifies and deletes of an informational: each is either news for DPD or the end of something."""
    news = informational.read(core, sa, exchange)
    for child in news.gone:
        children.remove(core, child, Reason.PEER_DELETED)
    for child in news.lost:
        children.remove(core, child, Reason.PEER_RESTARTED)
        request_child(core, sa, ChildRequest(child.tunnel, child.name, child.reqid, child.selector))
    for refused in news.refusals:
        _refused_by_peer(core, sa, refused)
    for child, notify in news.unusable:
        _unusable(core, sa, child, notify)
    if news.initial_contact and core.now - sa.established < core.settings.linger_s:
        _forget_others(core, sa)
    if news.unwelcome:
        facts = {"notify": news.unwelcome.label, **refusal.identity(sa)}
        end(core, sa, Reason.IDENTITY_REFUSED, with_children=False, facts=facts)
    for each in news.ended:
        end(core, each, Reason.PEER_DELETED, with_children=False)  # which outlive it (RFC 2408 §5, RFC 2409 §5.5)
        late_deletes.remember(core, each)


# Failure


def rejected(core: Core, sa: IkeSa, exchange: Exchange, why: Rejected) -> None:
    """We will not go on with an exchange: tell the peer once, then forget it."""
    notify = NotifyType(why.notify)
    if exchange.script.phase1:
        informational.refuse(core, sa, notify)
        proved = exchange.row > 0 and exchange.script.rows[exchange.row].authenticates
        if exchange.role is Role.RESPONDER and exchange.row > 0 and not proved:
            core.drop(why.why, sa, **why.facts)  # anybody may have sent this: the real peer still has its chance
            sa.hint = sa.hint or Hint(why.why, {"notify": notify.label, **why.facts})
            return
        if exchange.script is MAIN and exchange.role is Role.INITIATOR and proved:
            sa.last_block = exchange.iv  # for the peer all is well: what it has now must go
            informational.delete_ike(core, sa)
        phase1_failed(core, sa, exchange, Hint(why.why, {"notify": notify.label, **why.facts}))
        return
    if exchange.script.kind == ExchangeType.QUICK:
        state: Quick = exchange.scratch
        spi = next((each.to_bytes(4, "big") for each in state.spis.values()), b"")
        exchange.flight = informational.notify(core, sa, notify, spi=spi, place=exchange.place)
        _drop_exchange(core, sa, exchange)
        _quick_failed(core, sa, exchange, Hint(why.why, {"notify": notify.label, **why.facts}))


def given_up(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """Nobody answered, or only to say something that we could not believe."""
    if exchange.done:
        return
    row = exchange.script.rows[exchange.row - 1]
    hint = refusal.silence(sa, exchange)
    begun = sa.created if exchange.script.phase1 else exchange.scratch.begun
    facts = {"message": row.name, "tries": exchange.tries + 1, "seconds": int(core.now - begun), **hint.facts}
    if exchange.script.phase1:
        phase1_failed(core, sa, exchange, Hint(hint.reason, facts))
    elif exchange.script.kind == ExchangeType.QUICK:
        _drop_exchange(core, sa, exchange)
        _quick_failed(core, sa, exchange, Hint(hint.reason, facts))
        if sa.heard <= begun:  # not a word under this IKE SA since: the next attempt shall not run into it again
            end(core, sa, Reason.NO_ANSWER, with_children=False)


def phase1_failed(core: Core, sa: IkeSa, exchange: Exchange, hint: Hint) -> None:
    """The end of a phase 1, unless a refusal leaves another group to offer."""
    core.forget_ike_sa(sa)
    attempt = exchange.scratch.group_index + 1
    if hint.reason is Reason.PEER_REFUSED_PHASE1 and sa.tunnel and common.offered_in_attempt(sa.tunnel, attempt):
        again = start_phase1(core, sa.tunnel, sa.local, sa.remote, sa.natt, group_index=attempt)
        again.waiting.extend(sa.waiting)
        return
    core.report(Code.PHASE1_FAILED, sa, hint.reason, **hint.facts)
    for request in sa.waiting:
        _not_renewed(core, request)


def _quick_failed(core: Core, sa: IkeSa, exchange: Exchange, hint: Hint) -> None:
    state: Quick = exchange.scratch
    facts = {"role": str(exchange.role), **hint.facts}
    if state.child is not None:
        delete_child(core, state.child, hint.reason)  # the peer may believe that it is up
    if state.request is not None:
        facts = {"child": state.request.name, "selector": str(state.request.selector), **facts}
        _not_renewed(core, state.request)
    core.report(Code.PHASE2_FAILED, sa, hint.reason, **facts)


def _not_renewed(core: Core, request: ChildRequest) -> None:
    """What a request was to replace is in need of another one."""
    replaced = core.children.get(request.replaces)
    if replaced is not None and not replaced.superseded:
        replaced.rekeying = False
        _renew_later(core, replaced)


def _refused_by_peer(core: Core, sa: IkeSa, refusal: informational.Refusal) -> None:
    """An authenticated error notify that answers a quick mode of ours."""
    exchange = refusal.exchange
    state: Quick = exchange.scratch
    request, tunnel = state.request, state.tunnel
    assert request is not None and tunnel is not None
    _drop_exchange(core, sa, exchange)
    reason = _REFUSALS.get(refusal.notify, Reason.PEER_REFUSED_PHASE2)
    following = quick.group_of_attempt(quick.possible(core, sa, tunnel, request), request.group_index + 1)
    if reason is Reason.PEER_REFUSED_PHASE2 and following is not None:
        request_child(core, sa, replace(request, group_index=request.group_index + 1))
        return
    offered = tuple(map(str, state.offered))
    facts: dict[str, Fact] = {"notify": refusal.notify.label, "offered": offered, "ours": str(state.selector)}
    _quick_failed(core, sa, exchange, Hint(reason, facts))


def _unusable(core: Core, sa: IkeSa, child: Child, notify: NotifyType) -> None:
    """The peer has agreed to a pair and says now that it cannot use it; its quick mode may still wait for message 3."""
    under_way = [each for each in sa.exchanges.values() if each.script is QUICK and not each.done]
    for exchange in (each for each in under_way if each.scratch.child is child):
        _drop_exchange(core, sa, exchange)
        _quick_failed(core, sa, exchange, Hint(Reason.PEER_REFUSED_PHASE2, {"notify": notify.label}))
    children.remove(core, child, Reason.PEER_REFUSED_PHASE2, notify=notify.label)


def _drop_exchange(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    core.timers.cancel(Timer(TimerKind.RETRANSMIT, sa.serial, exchange.message_id))
    exchange.row = len(exchange.script.rows)
    core.timers.set(Timer(TimerKind.FORGET, sa.serial, exchange.message_id), core.now + core.settings.linger_s)


# The end


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
    if tell and established:
        for child in _half_made(sa):  # the initiator has them already, if its last message is on the way
            informational.delete_child(core, sa, child)
        informational.delete_ike(core, sa)
    last = established and not core.siblings(sa)
    core.forget_ike_sa(sa)
    if established:
        succession.revive(core, sa)
        _break_off(core, sa, reason)
    elif sa.role is Role.INITIATOR:
        core.report(Code.PHASE1_FAILED, sa, reason)
    if with_children:
        for child in core.children_with(sa):
            children.remove(core, child, reason)
    if last:
        core.report(Code.IKE_DOWN, sa, reason, **(facts or {}))


def _break_off(core: Core, sa: IkeSa, reason: Reason) -> None:
    """The quick modes of an SA that is gone: ours go on under its successor or have failed, half-made pairs go."""
    successor = core.ike_sa_with(sa.peers[0])
    for child in _half_made(sa):
        children.remove(core, child, reason)
    for request in (*_requests(sa), *sa.waiting):
        if successor is not None:
            request_child(core, successor, request)
        else:
            facts = {"child": request.name, "selector": str(request.selector), "role": str(Role.INITIATOR)}
            core.report(Code.PHASE2_FAILED, sa, reason, **facts)
            _not_renewed(core, request)


def _half_made(sa: IkeSa) -> list[Child]:
    """Pairs for which we, as responder, still wait for message 3."""
    unfinished = (each for each in sa.exchanges.values() if each.script is QUICK and not each.done)
    return [each.scratch.child for each in unfinished if each.scratch.child is not None]


def cancel(core: Core, sa: IkeSa, tunnel: str, child: str | None = None) -> None:
    """Nobody wants this child any more, or none of a tunnel: neither what waits nor what is under way goes on."""

    def unwanted(request: ChildRequest) -> bool:
        return request.tunnel.name == tunnel and child in (None, request.name)

    sa.waiting = deque(each for each in sa.waiting if not unwanted(each))
    for exchange in list(sa.exchanges.values()):
        if exchange.script is QUICK and not exchange.done and unwanted(exchange.scratch.request):
            _drop_exchange(core, sa, exchange)
            _quick_failed(core, sa, exchange, Hint(Reason.REQUESTED, {}))


def peer_dead(core: Core, sa: IkeSa) -> None:
    """DPD has had no answer: everything with this peer is gone (RFC 3706 §5.4), unless it lives under another SA."""
    assert sa.tunnel is not None
    if any(each.heard > core.now - sa.tunnel.dpd_interval_s for each in core.siblings(sa)):
        end(core, sa, Reason.DEAD_PEER, with_children=False)
        return
    for each in core.siblings(sa):
        end(core, each, Reason.DEAD_PEER, with_children=False)
    end(core, sa, Reason.DEAD_PEER, with_children=True)


def delete_child(core: Core, child: Child, reason: Reason) -> None:
    """We give up a pair and say so."""
    sa = core.ike_sa_with(child.peer)
    if sa is not None:
        informational.delete_child(core, sa, child)
    children.remove(core, child, reason)
