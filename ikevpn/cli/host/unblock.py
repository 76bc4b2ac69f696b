"""`ikevpn unblock`: withdraws what a daemon that was stopped, or `ikevpn block`, has left in force."""

from __future__ import annotations

import asyncio

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context
from ikevpn.config.load import daemon_settings
from ikevpn.errors import HostError

_BROKEN = (
    "warning: the configuration {config} cannot be read or has errors (`ikevpn check`); "
    "releasing what the state folder {state} notes"
)


@click.command()
@as_json
@pass_context
@ending
def unblock(context: Context, as_json: bool) -> None:
    """Let the traffic of all tunnels pass in the clear while no daemon runs."""
    from ikevpn.service.host import blocking, privileges  # noqa: PLC0415 - slow to import

    daemon, is_good = daemon_settings(context.config)
    if not is_good:  # no reason to leave anybody locked out
        render.say(_BROKEN.format(config=context.config, state=daemon.state), "yellow", stderr=True)
    privileges.require()
    try:
        asyncio.run(blocking.unblock(daemon))
    except HostError as error:
        if error.reason != blocking.DAEMON_RUNS:
            raise
        fix = 'Stop it first; or, for one tunnel, write when_down = "pass" and when_unprotected = "accept", and reload.'
        raise HostError("a daemon runs, and what it blocks stays blocked", fix=fix, reason=error.reason) from None
    if as_json:
        render.write_json({"blocked": 0})
    else:
        render.say("nothing is blocked any more")
