"""`ikevpn metrics`: figures for a monitoring system, in the text format of Prometheus."""

from __future__ import annotations

import click

from ikevpn.cli import render
from ikevpn.cli.context import Context, as_json, ending, last, pass_context
from ikevpn.control import api


@click.command()
@as_json
@pass_context
@ending
def metrics(context: Context, as_json: bool) -> None:
    """Print figures in the text format of Prometheus."""
    answer = last(context.ask(api.Metrics()), api.MetricsAnswer, as_json)
    if as_json:
        render.write_json(answer)
    else:
        click.echo(answer.text, nl=False)
