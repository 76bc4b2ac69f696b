"""`ikevpn down TUNNEL`: takes a tunnel down and leaves it down."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, last, pass_context, tunnel_names
from ikevpn.cli.values import SECONDS
from ikevpn.service import api


@click.command()
@click.argument("tunnel", shell_complete=tunnel_names)
@click.option("--timeout", "timeout_s", type=SECONDS, default=10, show_default=True, help="Seconds to wait for it.")
@as_json
@pass_context
@ending
def down(context: Context, tunnel: str, timeout_s: float, as_json: bool) -> None:
    """Take TUNNEL down: tell the peer, withdraw routes, and leave it down.

    Its traffic is still not sent in clear while the daemon runs; a daemon that `up` has started ends with its last
    tunnel, and the block with it.
    """
    done = last(context.ask(api.Down(tunnel=tunnel, timeout_s=timeout_s), timeout_s + 5), api.Done, as_json)
    if as_json:
        render.write_json(done)
    else:
        render.say(f"{tunnel} is down")
