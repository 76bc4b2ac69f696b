"""What we said last is said again: to a duplicate of what it answers, or because no answer comes (RFC 2408 §5.1)."""

from __future__ import annotations

from ikevpn.ike.runner.script import script_of
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, IkeSa, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.model.events.event import Code, Reason


def answer_duplicate(core: Core, sa: IkeSa, exchange: Exchange, digest: bytes) -> None:
    """The peer did not get our answer to its latest message; older messages are only late copies."""
    latest = max(exchange.answered.values())
    core.counters[f"drop-{Reason.DUPLICATE}"] += 1
    if exchange.answered[digest] == latest and exchange.flight and exchange.resent < core.settings.max_resent:
        exchange.resent += 1
        core.counters["resent"] += 1
        core.send(sa, exchange.flight, exchange.place)


def retransmits(exchange: Exchange) -> bool:
    """A responder that nobody has authenticated yet must not send on its own: that would amplify."""
    return exchange.role is Role.INITIATOR or not script_of(exchange).phase1


def arm(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    tunnel = sa.tunnel
    assert tunnel is not None
    if not exchange.tries_allowed:
        exchange.tries_allowed = tunnel.retransmit_tries
    delay = tunnel.retransmit_s * tunnel.retransmit_factor**exchange.tries
    core.timers.set(Timer(TimerKind.RETRANSMIT, sa.serial, exchange.message_id), core.now + delay)


def retransmit(core: Core, sa: IkeSa, exchange: Exchange) -> bool:
    """The timer of an unanswered message rang: send it again. False where we have tried enough."""
    if exchange.tries >= exchange.tries_allowed:
        return False
    exchange.tries += 1
    core.counters["retransmitted"] += 1
    row = script_of(exchange).rows[exchange.row - 1]
    core.report(Code.RETRANSMITTED, sa, message=row.name, tries=exchange.tries, of=exchange.tries_allowed)
    core.send(sa, exchange.flight, exchange.place)
    arm(core, sa, exchange)
    return True
