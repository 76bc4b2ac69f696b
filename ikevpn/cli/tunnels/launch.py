"""Starts a daemon in the background for `ikevpn up`, and waits until it listens. It ends with its last tunnel.

What keeps it from starting is our own error; once it runs it has no terminal, and `ikevpn log` shows its events.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import ikevpn
from ikevpn.cli import render
from ikevpn.cli.context import Context, fail_reply
from ikevpn.control import ready
from ikevpn.control.unknown import unknown_tunnel

PATIENCE_S = 20.0
_PACKAGE = str(Path(ikevpn.__file__).resolve().parent.parent)


def start_daemon(context: Context, tunnel: str, as_json: bool) -> None:
    """Check what can be checked without it, then start the daemon. Raises ConfigErrors, UsageError, HostError."""
    configuration = context.load()
    if tunnel not in configuration.tunnels:
        raise unknown_tunnel(tunnel, configuration.tunnels)
    for finding in configuration.warnings:
        if f"tunnel.{tunnel}" in finding.where:
            render.say(f"warning: {finding}", "yellow", stderr=True)
    read_end, write_end = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*_command(context), "--until-idle", "--ready-fd", str(write_end)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(write_end,),
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
    finally:
        os.close(write_end)
    try:
        refusal = ready.wait(read_end, PATIENCE_S)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        os.close(read_end)
    if refusal is not None:
        process.wait()
        fail_reply(refusal, as_json)


def _command(context: Context) -> list[str]:
    """The same interpreter, with nothing from the working directory (-P), which may be anybody's."""
    places = ["--config", str(context.config.absolute()), "--socket", str(context.socket.absolute())]
    return [sys.executable, "-P", "-m", "ikevpn", *places, "daemon"]


def _environment() -> dict[str, str]:
    """The same package, wherever we found it ourselves."""
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([_PACKAGE, inherited] if inherited else [_PACKAGE])}
