"""`ikevpn check`: everything that can be found without touching the network."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, pass_context
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.config.check import check as examine
from ikevpn.service.host.competition import competing
from ikevpn.service.host.host_state import not_so
from ikevpn.service.host.host_tools import lacking


@click.command()
@click.option("--host", "asks_host", is_flag=True, help="Ask this host, too: which of its routes and rules compete.")
@as_json
@pass_context
@ending
def check(context: Context, asks_host: bool, as_json: bool) -> None:
    """Examine the configuration: errors, weak choices, secrets that others can read.

    Notes say what this host lacks for it: addresses, forwarding, devices. They are no errors: it may be for another
    host.
    """
    verdict = examine(context.config)
    notes = lacking(verdict.discarding) + (not_so(verdict.configuration) if verdict.configuration else [])
    if asks_host and verdict.configuration:
        notes += competing(verdict.configuration)
    if as_json:
        render.write_json(
            {
                "good": verdict.good,
                "errors": verdict.errors,
                "warnings": verdict.warnings,
                "notes": notes,
                "tunnels": verdict.tunnels,
            }
        )
    else:
        for finding in verdict.errors:
            render.say(f"error: {finding}", "red")
        for finding in verdict.warnings:
            render.say(f"warning: {finding}", "yellow")
        for note in notes:
            render.say(f"note: {note}")
        if verdict.good:
            render.say(
                f"{context.config}: good, {verdict.tunnels} tunnel{'s' if verdict.tunnels != 1 else ''}", "green"
            )
    raise SystemExit(ExitCode.OK if verdict.good else ExitCode.USAGE)
