"""`ikevpn version`: of this command, and of the daemon where one answers."""

from __future__ import annotations

import click

from ikevpn import __version__
from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context
from ikevpn.control import api
from ikevpn.errors import HostError


@click.command()
@as_json
@pass_context
@ending
def version(context: Context, as_json: bool) -> None:
    """Print the version of this command and of the running daemon."""
    try:
        answers = [reply for reply in context.ask(api.Version(), 5) if isinstance(reply, api.VersionAnswer)]
    except HostError:
        answers = []
    running = answers[0] if answers else None
    if as_json:
        render.write_json({"version": __version__, "protocol": api.VERSION, "daemon": running})
        return
    render.say(f"ikevpn {__version__}")
    if running:
        render.say(f"daemon {running.daemon}, process {running.pid}, control protocol {running.protocol}")
    else:
        render.say("no daemon is running")
