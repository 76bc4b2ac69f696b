"""`ikevpn explain CODE`: what a code of the log or of `--json` means and what to try."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import as_json, ending
from ikevpn.errors import UsageError
from ikevpn.model.events import reasons
from ikevpn.model.events.sentence import fill, is_general


def codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For shell completion."""
    return [name for name in _names() if name.startswith(incomplete)]


def _names() -> list[str]:
    return [key.value for table in (reasons.CODES, reasons.REASONS) for key in table if key != "none"]


def _meaning(code: str) -> str:
    entry = reasons.explain(code)
    return (entry.meaning or fill(entry.what, {})) if entry else ""


@click.command()
@click.argument("code", default="", shell_complete=codes)
@as_json
@ending
def explain(code: str, as_json: bool) -> None:
    """Explain CODE, as --json and --log-json show it; without CODE, list all, one a line."""
    if not code:
        if as_json:
            render.write_json(_names())
        else:
            for name in _names():
                render.say(f"{name}: {_meaning(name)}")
        return
    entry = reasons.explain(code)
    if entry is None:
        raise UsageError(f"there is no code {code!r}; `ikevpn explain` lists them")
    advice = [fill(line, {}) for line in entry.advice if is_general(line)]
    if as_json:
        render.write_json({"code": code, "meaning": entry.meaning, "advice": advice})
        return
    render.say(f"{code}: {_meaning(code)}")
    for line in advice:
        render.say(f"  - {line}")
