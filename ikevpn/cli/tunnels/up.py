"""`ikevpn up TUNNEL`: shows every step in words and ends in what came of it. Starts a daemon for itself where none is
running.
"""

from __future__ import annotations

from pathlib import Path

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context, tunnel_names
from ikevpn.cli.tunnels import several
from ikevpn.cli.tunnels.bring_up import bring_up
from ikevpn.cli.tunnels.launch import start_daemon
from ikevpn.cli.values import PATH, SECONDS
from ikevpn.control import api
from ikevpn.control.client import NoDaemon
from ikevpn.errors import UsageError


@click.command()
@click.argument("tunnels", metavar="[TUNNEL]...", nargs=-1, shell_complete=tunnel_names)
@several.all_tunnels
@click.option("--timeout", "timeout_s", type=SECONDS, help="Seconds to wait, instead of to the end of one attempt.")
@click.option("--foreground", is_flag=True, help="Stay, show what happens, and take the tunnel down at Ctrl-C.")
@click.option("--capture", type=PATH, help="Record packets and keys for Wireshark into this file.")
@as_json
@pass_context
@ending
def up(
    context: Context,
    tunnels: tuple[str, ...],
    every: bool,
    timeout_s: float | None,
    foreground: bool,
    capture: Path | None,
    as_json: bool,
) -> None:
    """Bring TUNNEL up and return when traffic can pass.

    TUNNEL may be a pattern like 'br-*', and there may be several: these come up side by side, with one line for each.
    """
    names = several.chosen(context, tunnels, every)
    if len(names) != 1 and (foreground or capture):
        raise UsageError("--foreground and --capture are for one tunnel")
    render.outlast_the_reader()
    quiet = len(names) > 1
    if quiet:
        _need_daemon(context, names[0], as_json)

    def one(name: str) -> None:
        request = api.Up(tunnel=name, timeout_s=timeout_s, capture=str(capture.absolute()) if capture else "")
        try:
            bring_up(context, request, as_json, capture=capture, quiet=quiet)
        except NoDaemon:
            start_daemon(context, name, as_json)
            bring_up(context, request, as_json, capture=capture, quiet=quiet)

    several.for_each(names, one)
    if foreground:
        _stay(context, names[0], as_json)


def _need_daemon(context: Context, name: str, as_json: bool) -> None:
    """One for all: started before they ask."""
    try:
        for _ in context.ask(api.Version()):
            pass
    except NoDaemon:
        start_daemon(context, name, as_json)


def _stay(context: Context, tunnel: str, as_json: bool) -> None:
    """Show events until Ctrl-C, then take the tunnel down."""
    try:
        for reply in context.ask(api.Log(tunnel=tunnel, count=0, follow=True), None):
            if as_json:
                render.write_json(reply)
            elif isinstance(reply, api.EventLine):
                render.step(reply)
    except KeyboardInterrupt:
        for reply in context.ask(api.Down(tunnel=tunnel)):
            if isinstance(reply, api.Done) and not as_json:
                render.say(f"{tunnel} is down")
