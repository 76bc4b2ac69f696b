"""`ikevpn daemon`: runs the daemon in the foreground, as systemd likes it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, ending, pass_context
from ikevpn.cli.exit_codes import of_error
from ikevpn.cli.values import PATH
from ikevpn.config.keys.words import LogLevel
from ikevpn.control import ready
from ikevpn.control.server import as_reply
from ikevpn.errors import IkevpnError
from ikevpn.service.host import privileges


@click.command()
@click.option("--config", type=PATH, help="As before the verb.")
@click.option("--socket", type=PATH, help="As before the verb.")
@click.option("--log-level", type=click.Choice([level.value for level in LogLevel]), help="How much the log says.")
@click.option("--log-json", is_flag=True, help="Log JSON, one object a line.")
@click.option("--capture", type=PATH, help="Record packets and keys of all tunnels into this file.")
@click.option("--until-idle", is_flag=True, hidden=True, help="Start no tunnel unasked, and end with the last one.")
@click.option("--ready-fd", type=int, hidden=True, help="Where to say that we are ready.")
@pass_context
@ending
def daemon(
    context: Context,
    config: Path | None,
    socket: Path | None,
    log_level: str | None,
    log_json: bool,
    capture: Path | None,
    until_idle: bool,
    ready_fd: int | None,
) -> None:
    """Run the daemon in the foreground; SIGHUP reloads, SIGTERM takes everything down and ends."""
    privileges.prepare()
    from ikevpn.service.daemon import Options, run  # noqa: PLC0415 - three times slower to import than all other commands

    options = Options(
        config=config or context.config,
        socket=socket or context.chosen_socket,
        log_level=LogLevel(log_level) if log_level else None,
        log_json=log_json,
        capture=capture.absolute() if capture else None,
        until_idle=until_idle,
        ready_fd=ready_fd,
    )
    try:
        run(options)
    except IkevpnError as error:
        if ready_fd is None:
            render.error(error)
        else:
            ready.tell(ready_fd, as_reply(error))
        sys.exit(of_error(error))
