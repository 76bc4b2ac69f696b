"""`ikevpn reload`: the daemon reads its configuration again; tunnels that did not change are not touched."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, last, pass_context
from ikevpn.control import api


@click.command()
@as_json
@pass_context
@ending
def reload(context: Context, as_json: bool) -> None:
    """Read the configuration again. A configuration with errors changes nothing."""
    answer = last(context.ask(api.Reload(), 60), api.ReloadAnswer, as_json)
    if as_json:
        render.write_json(answer)
        return
    for word in ("added", "changed", "removed", "unchanged"):
        names = getattr(answer, word)
        if names:
            render.say(f"{word}: {', '.join(names)}")
