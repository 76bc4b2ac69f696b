"""What follows from a quick mode: the pair is used, or it was refused, given up, unwanted, or lost its IKE SA."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from ikevpn.ike.phase2 import children, quick, requests
from ikevpn.ike.phase2.quick_state import Quick
from ikevpn.ike.runner import settle
from ikevpn.ike.runner.life import Life
from ikevpn.ike.state import state_changes
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, ChildRequest, Exchange, Hint, IkeSa, Role
from ikevpn.ike.upkeep import informational, lifetime
from ikevpn.model.events.event import Fact, Reason
from ikevpn.wire.registry import NotifyType

_REFUSALS = {
    NotifyType.INVALID_ID_INFORMATION: Reason.PROXY_ID_MISMATCH,
    NotifyType.NO_PROPOSAL_CHOSEN: Reason.PEER_REFUSED_PHASE2,
}


def finished(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """Both sides have the pair."""
    child = Quick.of(exchange).child
    assert child is not None
    children.agreed(core, child)


def rejected(core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType, why: Hint) -> None:
    """We will not go on: tell the peer once; the notify answers duplicates."""
    spi = next((each.to_bytes(4, "big") for each in Quick.of(exchange).spis.values()), b"")
    exchange.flight = informational.notify(core, sa, notify, spi=spi, place=exchange.place)
    settle.abandon(core, sa, exchange)
    _failed(core, sa, exchange, replace(why, facts={"notify": notify.label, **why.facts}))


def given_up(core: Core, sa: IkeSa, exchange: Exchange, facts: dict[str, Fact]) -> None:
    """Nobody answered, or only to say something that we could not believe."""
    hint = sa.hint or Hint(Reason.FRAGMENTS_MISSING if sa.reassembly.octets else Reason.NO_ANSWER, {})
    settle.abandon(core, sa, exchange)
    _failed(core, sa, exchange, Hint(hint.reason, {**facts, **hint.facts}))


def refused(core: Core, sa: IkeSa, exchange: Exchange, notify: NotifyType) -> None:
    """An authenticated error notify that answers a quick mode of ours: another group may suit the peer."""
    state = Quick.of(exchange)
    request, tunnel = state.request, state.tunnel
    assert request is not None and tunnel is not None
    settle.abandon(core, sa, exchange)
    reason = _REFUSALS.get(notify, Reason.PEER_REFUSED_PHASE2)
    following = quick.group_of_attempt(quick.possible(core, sa, tunnel, request), request.group_index + 1)
    if reason is Reason.PEER_REFUSED_PHASE2 and following is not None:
        requests.start(core, sa, replace(request, group_index=request.group_index + 1))
        return
    offered = tuple(map(str, state.offered))
    facts: dict[str, Fact] = {"notify": notify.label, "offered": offered, "ours": str(state.selector)}
    _failed(core, sa, exchange, Hint(reason, facts))


LIFE = Life(Quick, finished, rejected, given_up, refused=refused)


def _failed(core: Core, sa: IkeSa, exchange: Exchange, hint: Hint) -> None:
    state = Quick.of(exchange)
    facts = hint.facts
    if state.child is not None:
        delete_child(core, state.child, hint.reason)  # the peer may believe that it is up
    if state.request is not None:
        facts = {"child": state.request.name, "selector": str(state.request.selector), **facts}
        lifetime.not_renewed(core, state.request)
    state_changes.child_failed(core, sa, exchange.role, hint.reason, **facts)


# What comes from outside


def unusable(core: Core, sa: IkeSa, child: Child, notify: NotifyType) -> None:
    """The peer has agreed to a pair and says now that it cannot use it; its quick mode may still wait for message 3."""
    for exchange in [each for each, state in requests.under_way(sa) if state.child is child]:
        settle.abandon(core, sa, exchange)
        _failed(core, sa, exchange, Hint(Reason.PEER_REFUSED_PHASE2, {"notify": notify.label}))
    children.remove(core, child, Reason.PEER_REFUSED_PHASE2, notify=notify.label)


def cancel(core: Core, sa: IkeSa, tunnel: str, child: str | None = None) -> None:
    """Nobody wants this child any more, or none of a tunnel: neither what waits nor what is under way goes on."""

    def unwanted(request: ChildRequest | None) -> bool:
        return request is not None and request.tunnel.name == tunnel and child in (None, request.name)

    sa.waiting = deque(each for each in sa.waiting if not unwanted(each))
    for exchange in [each for each, state in requests.under_way(sa) if unwanted(state.request)]:
        settle.abandon(core, sa, exchange)
        _failed(core, sa, exchange, Hint(Reason.REQUESTED, {}))


def delete_child(core: Core, child: Child, reason: Reason) -> None:
    """We give up a pair and say so."""
    sa = core.ike_sa_with(child.peer)
    if sa is not None:
        informational.delete_child(core, sa, child)
    children.remove(core, child, reason)


def half_made(sa: IkeSa) -> list[Child]:
    """Pairs for which we, as responder, still wait for message 3."""
    return [state.child for _, state in requests.under_way(sa) if state.child is not None]


def break_off(core: Core, sa: IkeSa, reason: Reason) -> None:
    """The quick modes of an SA that is gone: ours go on under its successor or have failed, half-made pairs go."""
    successor = core.ike_sa_with(sa.peers[0])
    for child in half_made(sa):
        children.remove(core, child, reason)
    for request in (*requests.ours(sa), *sa.waiting):
        if successor is not None:
            requests.start(core, successor, request)
        else:
            facts = {"child": request.name, "selector": str(request.selector)}
            state_changes.child_failed(core, sa, Role.INITIATOR, reason, **facts)
            lifetime.not_renewed(core, request)
