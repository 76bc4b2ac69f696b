"""A group of verbs of which each is in a module of its own, imported when it is called: what one of them needs must not
make all others slower.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Verbs(click.Group):
    """`modules` says where below `ikevpn.cli` each verb is, as a command of the module's name."""

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As `--help` shows them."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """None: there is no such verb, which click says."""
        module = self.modules.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(importlib.import_module(f"ikevpn.cli.{module}"), module.rpartition(".")[2])
        return found
