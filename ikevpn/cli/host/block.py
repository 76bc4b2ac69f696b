"""`ikevpn block`: nothing of any tunnel leaves or comes in the clear, before a daemon runs."""

from __future__ import annotations

import asyncio

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context
from ikevpn.config.keys.words import WhenStopped
from ikevpn.errors import HostError


@click.command()
@as_json
@pass_context
@ending
def block(context: Context, as_json: bool) -> None:
    """Block the traffic of all tunnels until a daemon starts and takes over: for boot, before there is a network.

    With `when_stopped = "pass"` in the [daemon] table nothing is blocked.
    """
    from ikevpn.service.host import blocking, privileges  # noqa: PLC0415 - slow to import

    configuration = context.load()
    if configuration.daemon.when_stopped is WhenStopped.PASS:
        _say('nothing is blocked without a daemon: when_stopped = "pass"', as_json, blocked=0)
        return
    privileges.require()
    try:
        blocked = asyncio.run(blocking.block(configuration))
    except HostError as error:
        if error.reason != blocking.DAEMON_RUNS:
            raise
        _say("a daemon runs, and blocks the traffic itself", as_json, daemon=True)
        return
    sentence = f"blocked until a daemon runs: the traffic of {blocked} tunnel{'s' if blocked != 1 else ''}"
    _say(sentence, as_json, blocked=blocked)


def _say(sentence: str, as_json: bool, **facts: int) -> None:
    if as_json:
        render.write_json(facts)
    else:
        render.say(sentence)
