"""Writes exchanges.md from the rows of `ikevpn.ike.script`: `python docs/exchanges.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ikevpn.ike.runner.script import Protection, Row, Script, named
from ikevpn.ike.script import SCRIPTS
from ikevpn.ike.state.sa import Role

PAGE = Path(__file__).with_name("exchanges.md")
_MARKS = {Protection.CLEAR: "", Protection.ENCRYPTED: " *", Protection.EITHER: " (*)"}


def page() -> str:
    """The whole page."""
    head = (
        "# Exchanges\n\nDrawn from the rows of `ikevpn/ike/script.py` by `docs/exchanges.py`. `I` is the initiator, "
        "`R` the responder; payloads in brackets are optional; `*` is encrypted, `(*)` should be.\n"
    )
    return head + "".join(_section(script) for script in SCRIPTS)


def _section(script: Script) -> str:
    lines = "\n".join(_lines(script))
    return f"\n## {script.name.capitalize()} (exchange type {int(script.kind)})\n\n```\n{lines}\n```\n"


def _lines(script: Script) -> Iterator[str]:
    for number, row in enumerate(script.rows, 1):
        arrow = "I ──▶ R" if row.sender is Role.INITIATOR else "I ◀── R"
        yield f"{number}  {arrow}  {_payloads(row)}{_MARKS[row.protection]}"


def _payloads(row: Row) -> str:
    required = [named(kind) for kind in row.required]
    optional = [f"[{kind.__name__}]" for kind in row.optional]
    return ", ".join((*required, *optional))


if __name__ == "__main__":
    PAGE.write_text(page())
