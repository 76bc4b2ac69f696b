"""`ikevpn down TUNNEL`: takes a tunnel down and leaves it down."""

from __future__ import annotations

import click

from ikevpn.cli import render, several
from ikevpn.cli.context import Context, as_json, ending, last, pass_context, tunnel_names
from ikevpn.cli.values import SECONDS
from ikevpn.service import api


@click.command()
@click.argument("tunnels", metavar="[TUNNEL]...", nargs=-1, shell_complete=tunnel_names)
@several.all_tunnels
@click.option("--timeout", "timeout_s", type=SECONDS, default=10, show_default=True, help="Seconds to wait for it.")
@as_json
@pass_context
@ending
def down(context: Context, tunnels: tuple[str, ...], every: bool, timeout_s: float, as_json: bool) -> None:
    """Take TUNNEL down: tell the peer, withdraw routes, and leave it down.

    TUNNEL may be a pattern like 'br-*', and there may be several. Its traffic is still not sent in clear while the
    daemon runs; a daemon that `up` has started ends with its last tunnel, and the block with it.
    """

    def one(name: str) -> None:
        done = last(context.ask(api.Down(tunnel=name, timeout_s=timeout_s), timeout_s + 5), api.Done, as_json)
        if as_json:
            render.write_json(done)
        else:
            render.say(f"{name} is down")

    names = several.chosen(context, tunnels, every)
    render.outlast_the_reader()
    several.for_each(names, one)
