"""`ikevpn restart TUNNEL`: takes tunnels down and starts them again as their configuration says."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context, tunnel_names
from ikevpn.cli.tunnels import several
from ikevpn.cli.tunnels.bring_up import bring_up
from ikevpn.cli.values import SECONDS
from ikevpn.control import api


@click.command()
@click.argument("tunnels", metavar="[TUNNEL]...", nargs=-1, shell_complete=tunnel_names)
@several.all_tunnels
@click.option("--timeout", "timeout_s", type=SECONDS, help="Seconds to wait, instead of to the end of one attempt.")
@as_json
@pass_context
@ending
def restart(context: Context, tunnels: tuple[str, ...], every: bool, timeout_s: float | None, as_json: bool) -> None:
    """Take TUNNEL down and start it as its `start` says: at once, at the first packet, or when the peer initiates.

    TUNNEL may be a pattern like 'br-*'. Where the first attempt fails, one with `start = "up"` is tried again for ever.
    """
    names = several.chosen(context, tunnels, every)
    render.outlast_the_reader()
    quiet = len(names) > 1
    several.for_each(
        names, lambda name: bring_up(context, api.Restart(tunnel=name, timeout_s=timeout_s), as_json, quiet=quiet)
    )
