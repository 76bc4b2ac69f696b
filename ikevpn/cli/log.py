"""`ikevpn log`: what happened, one sentence an event."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, fail_reply, pass_context, tunnel_names
from ikevpn.control import api
from ikevpn.model.events.severity import Severity


@click.command()
@click.argument("tunnel", default="", shell_complete=tunnel_names)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("-n", "--count", type=click.IntRange(0), default=100, show_default=True, help="How many past events.")
@click.option(
    "--level",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.DEBUG.value,
    help="Only what matters as much: error, or warning too, or info too.",
)
@as_json
@pass_context
@ending
def log(context: Context, tunnel: str, follow: bool, count: int, level: str, as_json: bool) -> None:
    """Print what happened lately, of TUNNEL or of all.

    Of what happens rarely more is remembered than of what happens all the time.
    """
    request = api.Log(tunnel=tunnel, count=count, follow=follow, level=Severity(level))
    for reply in context.ask(request, None if follow else 15):
        if isinstance(reply, api.Error):
            fail_reply(reply, as_json)
        if as_json and not reply.last:
            render.write_json(reply)
        elif isinstance(reply, api.EventLine):
            render.logged(reply)
        elif isinstance(reply, api.Lost):
            render.say(f"({reply.count} events are missing here: this terminal was too slow)")
