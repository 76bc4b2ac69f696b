"""`ikevpn down TUNNEL`: takes a tunnel down and leaves it down."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, last, pass_context, tunnel_names
from ikevpn.cli.tunnels import several
from ikevpn.cli.tunnels.ssh_caller import ssh_caller
from ikevpn.cli.values import SECONDS
from ikevpn.control import api


@click.command()
@click.argument("tunnels", metavar="[TUNNEL]...", nargs=-1, shell_complete=tunnel_names)
@several.all_tunnels
@click.option("--timeout", "timeout_s", type=SECONDS, default=10, show_default=True, help="Seconds to wait for it.")
@click.option("--yes", is_flag=True, help="Also where what stays blocked cuts off the SSH session that calls.")
@as_json
@pass_context
@ending
def down(context: Context, tunnels: tuple[str, ...], every: bool, timeout_s: float, yes: bool, as_json: bool) -> None:
    """Take TUNNEL down: tell the peer, withdraw routes, and leave it down.

    TUNNEL may be a pattern like 'br-*', and there may be several. Its traffic is still not sent in the clear while the
    daemon runs; a daemon that `up` has started ends with its last tunnel, and the block with it.
    """
    caller = str(ssh_caller() or "")

    def one(name: str) -> None:
        request = api.Down(tunnel=name, timeout_s=timeout_s, caller=caller, yes=yes)
        done = last(context.ask(request, timeout_s + 5), api.DownAnswer, as_json)
        if as_json:
            render.write_json(done)
        else:
            _show(name, done)

    names = several.chosen(context, tunnels, every)
    render.outlast_the_reader()
    several.for_each(names, one)


def _show(tunnel: str, done: api.DownAnswer) -> None:
    render.say(f"{tunnel} is down")
    if done.blocked:
        render.say(f"  still blocked, so that nothing leaves in the clear: {', '.join(done.blocked)}")
        render.say(f"  to bring it back: ikevpn up {tunnel}")
        render.say(f'  to release the block: when_down = "pass" in [tunnel.{tunnel}], then ikevpn reload')
