"""The daemon's own log on standard error: one event, one sentence; its advice too where something failed. As text or as
JSON.

Warnings and errors of the program itself go the same way. Secrets cannot get here: events carry none.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

import msgspec

from ikevpn.config.words import LogLevel
from ikevpn.model.events import Code, Event, Reason
from ikevpn.service.events import Record

_LEVELS: Mapping[Code, int] = {
    Code.PHASE1_FAILED: logging.ERROR,
    Code.PHASE2_FAILED: logging.ERROR,
    Code.HOST_REFUSED: logging.ERROR,
    Code.DATA_PLANE_CRASHED: logging.ERROR,
    Code.IKE_DOWN: logging.WARNING,
    Code.CHILD_DOWN: logging.WARNING,
    Code.PEER_NOTIFY: logging.WARNING,
    Code.DEVIATION: logging.WARNING,
    Code.ICMP_ERROR: logging.WARNING,
    Code.CALL_REFUSED: logging.WARNING,
    Code.NETWORK_REFUSED: logging.WARNING,
    Code.SEQUENCE_LOW: logging.WARNING,
    Code.KEYS_DERIVED: logging.DEBUG,
    Code.DPD_SENT: logging.DEBUG,
    Code.DPD_ANSWERED: logging.DEBUG,
    Code.DATAGRAM_DROPPED: logging.DEBUG,
    Code.NO_NAT: logging.DEBUG,
}
_TELLING = frozenset((Reason.WRONG_SECRET, Reason.NO_SECRET, Reason.WRONG_PEER_IDENTITY, Reason.NO_PROPOSAL_PHASE1))
_PYTHON = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}
_log = logging.getLogger("ikevpn")


def set_up(level: LogLevel, as_json: bool) -> None:
    """Log to standard error; without times under systemd, whose journal has its own."""
    handler = logging.StreamHandler(sys.stderr)
    stamped = not as_json and "JOURNAL_STREAM" not in os.environ
    handler.setFormatter(
        _Json() if as_json else logging.Formatter("%(asctime)s %(message)s" if stamped else "%(message)s")
    )
    _log.handlers[:] = [handler]
    _log.propagate = False
    _log.setLevel(_PYTHON[level])


def _level(event: Event) -> int:
    """A datagram that is dropped is worth a line only where somebody has to do something about it."""
    if event.code is Code.DATAGRAM_DROPPED and event.reason in _TELLING:
        return logging.ERROR
    return _LEVELS.get(event.code, logging.INFO)


def write(record: Record) -> None:
    """Log one event."""
    level = _level(record.event)
    if not _log.isEnabledFor(level):
        return
    line = record.line()
    name = f"{line.tunnel}: " if line.tunnel else ""
    advice = f" (try: {'; '.join(line.advice)})" if line.advice and level >= logging.ERROR else ""
    _log.log(level, "%s%s%s", name, line.sentence, advice, extra={"line": line})


class _Json(logging.Formatter):
    """Events as the control protocol says them, everything else as level and text."""

    def format(self, record: logging.LogRecord) -> str:
        line = getattr(record, "line", None)
        body: dict[str, object] = {"level": record.levelname.lower()}
        if line is None:
            body |= {"type": "log", "time": record.created, "sentence": super().format(record)}
        else:
            body |= msgspec.to_builtins(line)
        return msgspec.json.encode(body).decode()
