"""The daemon's own log on standard error: one event, one sentence; its advice too where something failed. As text or as
JSON.

Warnings and errors of the program itself go the same way. Secrets cannot get here: events carry none.
"""

from __future__ import annotations

import logging
import os
import sys

import msgspec

from ikevpn.config.keys.words import LogLevel
from ikevpn.model.events.severity import severity
from ikevpn.service.history.events import Record

_PYTHON = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
_JOURNAL = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""What sd-daemon(3) puts before a line, and `journalctl -p` selects by."""
_FORMAT = "%(asctime)s %(severity)s %(message)s"
_log = logging.getLogger("ikevpn")


def set_up(level: LogLevel, as_json: bool) -> None:
    """Log to standard error, with time and severity; under systemd in the way in which its journal wants them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Journal() if "JOURNAL_STREAM" in os.environ else _Text(_FORMAT))
    _log.handlers[:] = [handler]
    _log.propagate = False
    _log.setLevel(_PYTHON[level])


def write(record: Record) -> None:
    """Log one event."""
    level = _PYTHON[severity(record.event)]
    if not _log.isEnabledFor(level):
        return
    line = record.line()
    name = f"{line.tunnel}: " if line.tunnel else ""
    advice = f" (try: {'; '.join(line.advice)})" if line.advice and level >= logging.ERROR else ""
    _log.log(level, "%s%s%s", name, line.sentence, advice, extra={"line": line})


class _Text(logging.Formatter):
    """`2026-11-30 22:40:01 warning paris: …`"""

    def format(self, record: logging.LogRecord) -> str:
        record.severity = record.levelname.lower()
        return super().format(record)


class _Journal(logging.Formatter):
    """The severity as a number before the line; the time is the journal's own."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{_JOURNAL.get(record.levelno, 5)}>{super().format(record)}"


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
