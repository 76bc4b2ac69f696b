"""`ikevpn up TUNNEL`: shows every step in words and ends in what came of it. Starts a daemon for itself where none is running."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from ikevpn.cli import exit_codes, render
from ikevpn.cli.context import Context, as_json, ending, pass_context, tunnel_names
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.cli.launch import start_daemon
from ikevpn.errors import UsageError
from ikevpn.service import api
from ikevpn.service.client import NoDaemon

CAPTURE_WARNING = (
    "{file} and {file}.keys together let anyone read this tunnel's traffic; keep both private and delete them after use.\n"
    "open them with: WIRESHARK_CONFIG_DIR={file}.keys wireshark {file}"
)
_DETAILS = {
    "notify": "the peer said",
    "offered": "we offered",
    "accepted": "we accept",
    "proposed": "the peer asks for",
    "configured": "we have",
    "received": "the peer calls itself",
    "expected": "we expect",
}


@click.command()
@click.argument("tunnel", shell_complete=tunnel_names)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=60, show_default=True, help="Seconds to wait.")
@click.option("--foreground", is_flag=True, help="Stay, show what happens, and take the tunnel down at Ctrl-C.")
@click.option("--capture", type=click.Path(path_type=Path), help="Record packets and keys for Wireshark into this file.")
@as_json
@pass_context
@ending
def up(context: Context, tunnel: str, timeout_s: float, foreground: bool, capture: Path | None, as_json: bool) -> None:
    """Bring TUNNEL up and return when traffic can pass."""
    if capture and not as_json:
        for line in CAPTURE_WARNING.format(file=capture).splitlines():
            render.say(f"warning: {line}", "yellow", stderr=True)
    request = api.Up(tunnel=tunnel, timeout_s=timeout_s, capture=str(capture.absolute()) if capture else "")
    try:
        _up(context, request, as_json)
    except NoDaemon:
        start_daemon(context, tunnel, as_json)
        _up(context, request, as_json)
    if foreground:
        _stay(context, tunnel, as_json)


def _up(context: Context, request: api.Up, as_json: bool) -> None:
    failed: api.EventLine | None = None
    for reply in context.ask(request, request.timeout_s + 15):
        if as_json:
            render.write_json(reply)
        match reply:
            case api.EventLine():
                failed = reply if reply.code in render.BAD else failed
                if not as_json:
                    render.step(reply)
            case api.UpAnswer():
                if not as_json:
                    _success(reply.tunnel)
                return
            case api.Error():
                _fail(request.tunnel, reply, failed, as_json)
    raise UsageError("the daemon gave no answer")


def _success(tunnel: api.TunnelState) -> None:
    render.say(f"{tunnel.name} is up: {tunnel.local} to {tunnel.remote}" + (f" ({tunnel.peer_id})" if tunnel.peer_id else ""), "bold green")
    for child in tunnel.children:
        spis = f"SPI in {child.spi_in} out {child.spi_out}"
        render.say(f"  {child.selector}, {child.proposal}, {child.encapsulation}, {spis}")


def _fail(name: str, reply: api.Error, failed: api.EventLine | None, as_json: bool) -> NoReturn:
    status = exit_codes.of_reason(reply.reason, reply.kind)
    if not as_json:
        if status in (ExitCode.FAILED, ExitCode.TIMEOUT):
            known = failed.facts if failed else {}
            details = [(label, _text(known[fact])) for fact, label in _DETAILS.items() if known.get(fact)]
            render.failure(f"{name} is not up: {reply.sentence}", details, reply.advice)
        else:
            render.error_reply(reply)
    raise SystemExit(status)


def _text(fact: object) -> str:
    return ", ".join(map(str, fact)) if isinstance(fact, list | tuple) else str(fact)


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
