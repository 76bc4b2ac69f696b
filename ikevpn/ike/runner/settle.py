"""How exchanges of ours begin, and what became of one after each datagram, as its script wants it."""

from __future__ import annotations

from ikevpn.ike.runner import protect
from ikevpn.ike.runner.exchange import Outcome, Result, begin
from ikevpn.ike.runner.script import Row, script_of
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import PHASE1, Exchange, Hint, IkeSa, Outline, Role, State
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.wire.registry import NotifyType


def start_phase1(core: Core, sa: IkeSa, script: Outline, state: State) -> None:
    """Begin the exchange that makes the keys of an IKE SA."""
    _start(core, sa, Exchange(script, PHASE1, Role.INITIATOR, state, begun=core.now))


def start(core: Core, sa: IkeSa, script: Outline, state: State) -> None:
    """Begin an exchange under the keys of an IKE SA."""
    message_id = core.message_id(sa)
    iv = protect.first_iv(sa, message_id)
    _start(core, sa, Exchange(script, message_id, Role.INITIATOR, state, begun=core.now, iv=iv))


def _start(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    settle(core, sa, exchange, begin(core, sa, exchange))


def settle(core: Core, sa: IkeSa, exchange: Exchange, result: Result) -> None:
    """Act on what became of an exchange."""
    life = script_of(exchange).life
    if result.outcome is Outcome.FINISHED:
        life.finished(core, sa, exchange)
    elif result.rejection is not None:
        notify = NotifyType(result.rejection.notify)
        if result.outcome is Outcome.REJECTED:
            life.rejected(core, sa, exchange, notify, Hint(result.rejection.why, result.rejection.facts))
        elif life.doubted is not None:
            life.doubted(core, sa, exchange, notify)


def abandon(core: Core, sa: IkeSa, exchange: Exchange) -> None:
    """An exchange goes no further; it still answers duplicates for a while."""
    core.timers.cancel(Timer(TimerKind.RETRANSMIT, sa.serial, exchange.message_id))
    core.timers.cancel(Timer(TimerKind.ANSWER, sa.serial, exchange.message_id))
    exchange.pending = exchange.asked = None
    exchange.row = len(exchange.script.rows)
    core.timers.set(Timer(TimerKind.FORGET, sa.serial, exchange.message_id), core.now + core.settings.linger_s)


def said(exchange: Exchange) -> Row:
    """The message that we sent last, where we wait for its answer."""
    return script_of(exchange).rows[exchange.row - 1]


def awaited(exchange: Exchange) -> Row:
    """The message that is to come, or that has just been refused."""
    return script_of(exchange).rows[exchange.row]


def at_last_message(exchange: Exchange) -> bool:
    """Whether only one message is missing."""
    return exchange.row == len(exchange.script.rows) - 1
