"""`ikevpn list`: the tunnels of the configuration. Needs no daemon; how they are is what `status` tells."""

from __future__ import annotations

import click
from rich.table import Table

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context
from ikevpn.config.configuration import TunnelConfig


@click.command("list")
@click.option("-v", "--verbose", is_flag=True, help="Secrets too: where they are, and four digits to compare them by.")
@as_json
@pass_context
@ending
def listing(context: Context, verbose: bool, as_json: bool) -> None:
    """List the tunnels of the configuration."""
    tunnels = context.load().tunnels.values()
    if as_json:
        render.write_json([_row(tunnel) | (_of_secret(tunnel) if verbose else {}) for tunnel in tunnels])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("tunnel", "remote", "networks", "start", "binding", "device", *(["secret"] if verbose else [])):
        table.add_column(heading)
    for tunnel in tunnels:
        networks = "\n".join(str(selector) for selector in tunnel.selectors)
        cells = [tunnel.name, _remote(tunnel), networks, tunnel.start.value, tunnel.binding.value, tunnel.device]
        table.add_row(*cells, *([_secret(tunnel)] if verbose else []))
    render.table(table)


def _remote(tunnel: TunnelConfig) -> str:
    return ", ".join(str(remote) for remote in tunnel.remotes) or "any"


def _secret(tunnel: TunnelConfig) -> str:
    digits = tunnel.secret_fingerprint
    return f"{tunnel.secret_from} ({digits})" if digits else tunnel.secret_from


def _row(tunnel: TunnelConfig) -> dict[str, object]:
    return {
        "name": tunnel.name,
        "remote": [str(remote) for remote in tunnel.remotes] or ["any"],
        "networks": [str(selector) for selector in tunnel.selectors],
        "start": tunnel.start.value,
        "binding": tunnel.binding.value,
        "device": tunnel.device,
        "routes": [str(route) for route in tunnel.routes],
    }


def _of_secret(tunnel: TunnelConfig) -> dict[str, object]:
    return {"secret": tunnel.secret_from, "fingerprint": tunnel.secret_fingerprint}
