"""Calls that came to nothing: who called lately, how often, and what became of the last call. The oldest goes first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ikevpn.control import api
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event
from ikevpn.model.events.severity import Severity, severity
from ikevpn.service.history.events import Record

MOST = 64
SHOWN_S = 3600.0


@dataclass(slots=True)
class _Caller:
    count: int
    time: float
    event: Event


class RefusedCalls:
    """Listens to the history."""

    def __init__(self) -> None:
        self._callers: OrderedDict[tuple[str, str], _Caller] = OrderedDict()

    def heard(self, record: Record) -> None:
        """Whatever happens; the calls among it are remembered by address and tunnel."""
        if not _is_refusal(record.event):
            return
        key = (_address(record.event), record.event.tunnel)
        before = self._callers.pop(key, None)
        self._callers[key] = _Caller(before.count + 1 if before else 1, record.time, record.event)
        if len(self._callers) > MOST:
            self._callers.popitem(last=False)

    def lately(self, now: float, tunnel: str = "") -> tuple[api.RefusedCall, ...]:
        """Those of the last hour, the latest first; `now` in seconds since 1970."""
        found = reversed(self._callers.items())
        return tuple(
            api.RefusedCall(
                remote=address,
                tunnel=name,
                count=caller.count,
                ago_s=max(0.0, now - caller.time),
                code=caller.event.code.value,
                reason=caller.event.reason.value,
                sentence=reasons.why(caller.event),
                advice=reasons.advice(caller.event),
            )
            for (address, name), caller in found
            if now - caller.time < SHOWN_S and tunnel in ("", name)
        )


def _is_refusal(event: Event) -> bool:
    if event.facts.get("role") != "responder":
        return False
    if event.code is Code.DATAGRAM_DROPPED:
        return severity(event) is Severity.ERROR
    return event.code in (Code.CALL_REFUSED, Code.PHASE1_FAILED, Code.PHASE2_FAILED)


def _address(event: Event) -> str:
    return str(event.facts.get("remote", "")).rpartition(":")[0].strip("[]")
