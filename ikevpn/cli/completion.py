"""`ikevpn completion SHELL`: a script that completes verbs, options and tunnels."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_IKEVPN_COMPLETE"


@click.command(epilog='\b\nbash: eval "$(ikevpn completion bash)" in ~/.bashrc\nzsh:  the same with zsh in ~/.zshrc')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script for SHELL."""
    made = get_completion_class(shell)
    assert made is not None, "click knows the shells that it lets through"
    click.echo(made(context.find_root().command, {}, "ikevpn", _VARIABLE).source())
