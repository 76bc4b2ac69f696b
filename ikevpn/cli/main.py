"""`ikevpn`: the verbs and the options before them."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from ikevpn import __version__
from ikevpn.cli import exit_codes
from ikevpn.cli.context import DEFAULT_CONFIG, Context
from ikevpn.cli.values import PATH
from ikevpn.cli.verbs import Verbs

VERBS = {
    "up": "tunnels.up",
    "down": "tunnels.down",
    "status": "tunnels.status",
    "list": "tunnels.listing",
    "log": "log",
    "metrics": "metrics",
    "check": "host.check",
    "reload": "reload",
    "restart": "tunnels.restart",
    "rekey": "tunnels.rekey",
    "block": "host.block",
    "unblock": "host.unblock",
    "explain": "explain",
    "pki": "pki.pki",
    "daemon": "host.daemon",
    "version": "version",
    "completion": "completion",
}
"""Each in a module of its own, with a command of the module's name."""
_STATUSES = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in exit_codes.MEANINGS.items())


@click.group(
    cls=Verbs,
    modules=VERBS,
    epilog=f"\b\nExit status:\n{_STATUSES}",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    type=PATH,
    envvar="IKEVPN_CONFIG",
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file, or folder of *.toml files.",
)
@click.option("--socket", type=PATH, envvar="IKEVPN_SOCKET", help="Control socket of the daemon.")
@click.version_option(__version__, prog_name="ikevpn")
@click.pass_context
def main(context: click.Context, config: Path, socket: Path | None) -> None:
    """An IKEv1/ESP VPN endpoint: tunnels to the gateways that are still there."""
    chosen = context.get_parameter_source("config") is not ParameterSource.DEFAULT
    context.obj = Context(config, socket, chosen)
