"""`ikevpn rekey TUNNEL`: new keys now instead of at the end of the lifetime."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, child_names, ending, fail_reply, pass_context, tunnel_names
from ikevpn.cli.values import SECONDS
from ikevpn.control import api


@click.command()
@click.argument("tunnel", shell_complete=tunnel_names)
@click.option(
    "--child",
    default="",
    shell_complete=child_names,
    help="Only this pair of networks: its name, or what `status` shows, or a part of it that no other has.",
)
@click.option("--phase1", is_flag=True, help="Renew phase 1 instead.")
@click.option("--timeout", "timeout_s", type=SECONDS, default=30, show_default=True, help="Seconds to wait for it.")
@as_json
@pass_context
@ending
def rekey(context: Context, tunnel: str, child: str, phase1: bool, timeout_s: float, as_json: bool) -> None:
    """Renew the keys of TUNNEL; traffic goes on."""
    request = api.Rekey(tunnel=tunnel, child=child, phase1=phase1, timeout_s=timeout_s)
    for reply in context.ask(request, timeout_s + 5):
        if isinstance(reply, api.Error):
            fail_reply(reply, as_json)
        if as_json:
            render.write_json(reply)
        elif isinstance(reply, api.EventLine):
            render.step(reply)
